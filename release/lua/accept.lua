-- Put a job, and its release if it is new, into a queue: once, whole, or not at all.
-- ARGV: request as JSON {job, release?, seen = [{key, ttl}], moves, jump = {over, same_app}, clash = {kinds, same_tag}}
local request = cjson.decode(ARGV[1])
local wanted, at = request.job, now()
local queue = key('queue', wanted.queue)

local function answer(status, job_id)
  local job = read(key('job', job_id))
  local result = { status = status, job = job_id, release = job.release }
  if status == 'accepted' and job.state == 'offered' then
    result.offer = offer_of(job)
  end
  return cjson.encode(result)
end

local function remember(job_id)
  for _, seen in ipairs(request.seen) do
    redis.call('SET', key('seen', seen.key), job_id, 'PX', seen.ttl)
  end
end

-- A tag that was moved to another commit is another release; a commit not known yet may be the same.
local function is_same_commit(other)
  local theirs = redis.call('HGET', key('release', other.release), 'commit') or ''
  local ours = request.release and request.release.commit
    or redis.call('HGET', key('release', wanted.release), 'commit') or ''
  return theirs == '' or ours == '' or theirs == ours
end

local function clashes(other)
  if other.app ~= wanted.app or not contains(request.clash.kinds, other.kind) then
    return false
  end
  return not request.clash.same_tag or (other.tag == wanted.tag and is_same_commit(other))
end

local function may_pass(other)
  return contains(request.jump.over, other.kind) and (not request.jump.same_app or other.app == wanted.app)
end

if redis.call('EXISTS', key('job', wanted.id)) == 1 then
  -- Asked again after a lost reply: it stands.
  return answer('accepted', wanted.id)
end

for _, seen in ipairs(request.seen) do
  local first = redis.call('GET', key('seen', seen.key))
  if first then
    return answer('duplicate', first)
  end
end

if not are_legal(request.moves) then
  return cjson.encode({ status = 'moved' })
end

local before = nil
for index, id in ipairs(redis.call('LRANGE', queue, 0, -1)) do
  local other = read(key('job', id))
  if clashes(other) then
    remember(id)
    return answer('clash', id)
  end
  -- The head (Lua counts from 1) is active and never overtaken.
  if not before and index > 1 and may_pass(other) then
    before = id
  end
end

if request.release then
  create(request.release, at)
end
carry_out_legal(request.moves, at)
remember(wanted.id)

local name = key('job', wanted.id)
for field, value in pairs(wanted) do
  redis.call('HSET', name, field, value)
end
redis.call('HSET', name, 'state', 'waiting', 'index', 0, 'attempt', 1, 'fence', 0, 'created', at)
if wanted.release ~= '' then
  redis.call('RPUSH', key('jobs-of', wanted.release), wanted.id)
end
redis.call('LPUSH', key('app', wanted.app, 'jobs'), wanted.id)
if before then
  redis.call('LINSERT', queue, 'BEFORE', before, wanted.id)
else
  redis.call('RPUSH', queue, wanted.id)
end
redis.call('SADD', key('queues'), wanted.queue)
offer_head(queue, at)
return answer('accepted', wanted.id)
