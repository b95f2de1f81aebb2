-- What is past its deadline. ARGV: lease, limit of answers.
-- After a restart of Redis every deadline is at least one lease away: the restart must not expire living leases,
-- and a worker whose stage ended during the outage must get to say so.
local at = now()
local known, info = pcall(redis.call, 'INFO', 'server')
local run = known and type(info) == 'string' and string.match(info, 'run_id:(%w+)') or nil
local before = redis.call('GET', key('run'))
if run and run ~= before then
  redis.call('SET', key('run'), run)
  if before then
    local watched = redis.call('ZRANGE', key('watch'), 0, -1, 'WITHSCORES')
    for i = 1, #watched, 2 do
      redis.call('ZADD', key('watch'), math.max(tonumber(watched[i + 1]), at) + tonumber(ARGV[1]), watched[i])
    end
    return cjson.encode({ restarted = true, lost = {}, overdue = {} })
  end
end
local lost, overdue = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('watch'), '-inf', at, 'LIMIT', 0, tonumber(ARGV[2]))) do
  local job = read(key('job', id))
  if job.state == 'running' then
    lost[#lost + 1] = { job = id, fence = tonumber(job.fence), owner = job.owner }
  elseif job.state == 'offered' then
    overdue[#overdue + 1] = offer_of(job)
    watch(job, at + tonumber(job.grace))
  else
    redis.call('ZREM', key('watch'), id)
  end
end
return cjson.encode({ restarted = false, lost = lost, overdue = overdue })
