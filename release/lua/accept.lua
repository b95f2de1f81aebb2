-- Put a job, and its release if it is new, into a queue: once, whole, or not at all.
-- ARGV: request as JSON {job, release?, seen = [{key, ttl}], moves, jump = {over, same_app}, clash = {kinds, same_tag},
-- supersede? = {reason, problem}, looks_first, sender? = {address, delivery}}
local request = cjson.decode(ARGV[1])
local wanted, at = request.job, now()
local queue = key('queue', wanted.queue)
local gave_way = {}

local function answer(status, job_id)
  local job = read(key('job', job_id))
  local result = { status = status, job = job_id, release = job.release, gave_way = gave_way }
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

local function is_known(id)
  return redis.call('EXISTS', key('job', id)) == 1
end

-- A tag that was moved to another commit is another release; a commit not known yet may be the same.
local function is_same_commit(id)
  local release = redis.call('HGET', key('job', id), 'release')
  if not release then
    return false
  end
  local theirs = redis.call('HGET', key('release', release), 'commit') or ''
  local ours = request.release and request.release.commit
    or redis.call('HGET', key('release', wanted.release), 'commit') or ''
  return theirs == '' or ours == '' or theirs == ours
end

local function find_clash()
  for _, kind in ipairs(request.clash.kinds) do
    local of_kind, of_tag = open_jobs(wanted.app, kind, wanted.tag)
    local found = request.clash.same_tag and find_first(of_tag, 0, is_same_commit)
      or not request.clash.same_tag and find_first(of_kind, 0, is_known)
    if found then
      return found
    end
  end
end

-- The first that the new job goes ahead of. What is active is never overtaken.
local function find_passed()
  local first = is_active(redis.call('LINDEX', queue, 0)) and 1 or 0
  if not request.jump.same_app then
    return find_first(queue, first, function(id)
      return contains(request.jump.over, redis.call('HGET', key('job', id), 'kind'))
    end)
  end
  local passed, place = nil, nil
  for _, kind in ipairs(request.jump.over) do
    find_first((open_jobs(wanted.app, kind)), 0, function(id)
      local found = redis.call('LPOS', queue, id)
      local behind = found and found >= first
      if behind and (not place or found < place) then
        passed, place = id, found
      end
      return behind
    end)
  end
  return passed
end

local function find_superseded()
  local found = {}
  for _, id in ipairs(redis.call('LRANGE', (open_jobs(wanted.app, 'deploy')), 0, -1)) do
    local other = read(key('job', id))
    if other.state == 'waiting' then
      found[#found + 1] = other
    end
  end
  return found
end

-- Whether jobs of the app wait to start. Where more wait than is worth a look each, some may be its own.
local function has_starting()
  local most = 100
  local ids = redis.call('ZRANGE', key('starting'), 0, most - 1)
  for _, id in ipairs(ids) do
    if redis.call('HGET', key('job', id), 'app') == wanted.app then
      return true
    end
  end
  return #ids == most
end

if redis.call('EXISTS', key('job', wanted.id)) == 1 then
  -- Asked again after a lost reply: it stands.
  return answer('accepted', wanted.id)
end

if request.looks_first and has_starting() then
  return cjson.encode({ status = 'look' })
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

local clash = find_clash()
if clash then
  remember(clash)
  return answer('clash', clash)
end
local before = #request.jump.over > 0 and find_passed()
local older = request.supersede and find_superseded() or {}

if request.release then
  create(request.release, at, request.sender)
end
carry_out_legal(request.moves, at)
if wanted.kind == 'deploy' and not request.release then
  -- A retry may wait for something else than the release did at first, or for nothing any more.
  local start_when = wanted.start_when ~= '' and wanted.start_when or 'pushed'
  redis.call('HSET', key('release', wanted.release), 'start_when', start_when)
end
for _, other in ipairs(older) do
  carry_out({ release = other.release, from = { 'queued', 'waiting' }, to = 'superseded', actor = wanted.actor,
    reason = request.supersede.reason }, at, request.sender)
  finish(other, 'cancelled', request.supersede.problem, at)
  gave_way[#gave_way + 1] = other.id
end
remember(wanted.id)

write(key('job', wanted.id), wanted, 'state', 'waiting', 'index', 0, 'attempt', 1, 'fence', 0, 'created', at)
if wanted.release ~= '' then
  redis.call('RPUSH', key('jobs-of', wanted.release), wanted.id)
end
redis.call('LPUSH', key('app', wanted.app, 'jobs'), wanted.id)
for _, open in ipairs({ open_jobs(wanted.app, wanted.kind, wanted.tag) }) do
  redis.call('RPUSH', open, wanted.id)
end
redis.call('LTRIM', key('app', wanted.app, 'jobs'), 0, 999)
wanted.state = 'waiting'
tell_job_event(wanted, at)
if wanted.start_when ~= '' then
  wait_to_start(wanted, at)
else
  enqueue(wanted, before, at)
end
return answer('accepted', wanted.id)
