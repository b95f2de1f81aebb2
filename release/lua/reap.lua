-- What is past its deadline. ARGV: lease, limit of answers, sweep ('1' looks at the head of every queue as well).
-- While Redis is away no worker can renew its claim. When it is back, whoever looks first would find every lease over
-- and take each stage from a worker that is alive. So after a restart, and after a time in which nobody could look,
-- every deadline is at least one lease away; a worker whose stage ended meanwhile gets to say so.
local at, lease = now(), tonumber(ARGV[1])
local known, info = pcall(redis.call, 'INFO', 'server')
local run = known and type(info) == 'string' and string.match(info, 'run_id:(%w+)') or nil
local run_before, looked = redis.call('GET', key('run')), redis.call('GET', key('looked'))
redis.call('SET', key('looked'), at)
if run and run ~= run_before then
  redis.call('SET', key('run'), run)
end
local restarted = run ~= nil and run_before and run ~= run_before
if restarted or (looked and at - tonumber(looked) > math.max(lease, 1000)) then
  local watched = redis.call('ZRANGE', key('watch'), 0, -1, 'WITHSCORES')
  for i = 1, #watched, 2 do
    redis.call('ZADD', key('watch'), math.max(tonumber(watched[i + 1]), at) + lease, watched[i])
  end
  return cjson.encode({ away = true, lost = {}, overdue = {}, resumed = {}, expired = {} })
end
local lost, overdue = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('watch'), '-inf', at, 'LIMIT', 0, tonumber(ARGV[2]))) do
  local job = read(key('job', id))
  if job.state == 'running' then
    lost[#lost + 1] = { job = id, fence = tonumber(job.fence), owner = job.owner }
  elseif job.state == 'offered' then
    local offered = offer_of(job)
    offered.waited = at - tonumber(job.offered or at)
    overdue[#overdue + 1] = offered
    watch(job, at + tonumber(job.grace))
  else
    redis.call('ZREM', key('watch'), id)
  end
end

-- Back to the place that a held job would have had: behind what is active, ahead of what was accepted later.
local function put_back(job)
  local queue = key('queue', job.queue)
  local first = is_active(redis.call('LINDEX', queue, 0)) and 1 or 0
  local later = find_first(queue, first, function(id)
    local other = redis.call('HMGET', key('job', id), 'kind', 'place')
    return contains({ 'deploy', 'decommission' }, other[1]) and tonumber(other[2] or 0) > tonumber(job.place)
  end)
  if later then
    redis.call('LINSERT', queue, 'BEFORE', later, job.id)
  else
    redis.call('RPUSH', queue, job.id)
  end
  redis.call('SADD', key('queues'), job.queue)
  redis.call('SADD', key('app', job.app, 'queues'), job.queue)
  redis.call('ZREM', key('held'), job.id)
  redis.call('HDEL', key('job', job.id), 'held_until', 'held_for')
  set(job, 'queued', at)
  return queue
end

local held, resumed = {}, {}
for _, id in ipairs(redis.call('ZRANGE', key('held'), 0, tonumber(ARGV[2]) - 1)) do
  local job = read(key('job', id))
  if job.id then
    held[#held + 1] = job
  else
    redis.call('ZREM', key('held'), id)
  end
end
table.sort(held, function(a, b)
  return tonumber(a.place) < tonumber(b.place)
end)
for _, job in ipairs(held) do
  if is_free(job.app) and not find_hold(job, at) then
    resumed[#resumed + 1] = offer_head(put_back(job), at)
  end
end

if ARGV[3] == '1' then
  for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
    resumed[#resumed + 1] = offer_head(key('queue', name), at)
  end
end

local expired = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', at, 'LIMIT', 0, tonumber(ARGV[2]))) do
  if redis.call('EXISTS', key('job', id)) == 1 then
    expired[#expired + 1] = id
  else
    redis.call('ZREM', key('deadlines'), id)
  end
end
return cjson.encode({ away = false, lost = lost, overdue = overdue, resumed = resumed, expired = expired })
