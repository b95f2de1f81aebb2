-- Loaded before each script. KEYS[1] is the prefix of every key; times are milliseconds of Redis' own clock.
-- States, the order of stages and the moves of releases are decided in Python and passed in;
-- here they are only carried out, all or nothing.

local function key(...)
  return KEYS[1] .. table.concat({ ... }, ':')
end

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function read(name)
  local flat, hash = redis.call('HGETALL', name), {}
  for i = 1, #flat, 2 do
    hash[flat[i]] = flat[i + 1]
  end
  return hash
end

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then
      return true
    end
  end
  return false
end

-- What a dispatcher needs to publish the remaining stages of a job.
local function offer_of(job)
  return {
    job = job.id, release = job.release, app = job.app, tag = job.tag, kind = job.kind,
    stages = job.stages, index = tonumber(job.index), fence = tonumber(job.fence),
  }
end

local function set(job, field, value)
  job[field] = tostring(value)
  redis.call('HSET', key('job', job.id), field, value)
end

local function watch(job, deadline)
  redis.call('ZADD', key('watch'), deadline, job.id)
end

-- Make the stage at the job's index available to a worker under a fence of its own.
local function offer(job, at, new_fence)
  set(job, 'state', 'offered')
  if new_fence then
    -- After a loss of Redis fences must still be higher than those stamped on objects in the cluster.
    redis.call('SET', key('fence'), at, 'NX')
    set(job, 'fence', redis.call('INCR', key('fence')))
  end
  watch(job, at + tonumber(job.grace))
  return offer_of(job)
end

local function carry_out(move, at)
  local name = key('release', move.release)
  local state = redis.call('HGET', name, 'state')
  if state == move.to or not contains(move.from, state) then
    return
  end
  local app = redis.call('HGET', name, 'app')
  redis.call('HSET', name, 'state', move.to, 'reason', move.reason, 'updated', at)
  local on_a_color = key('app', app, 'on-a-color')
  if move.on_a_color then
    redis.call('SADD', on_a_color, move.release)
  else
    redis.call('SREM', on_a_color, move.release)
  end
  local change = { release = move.release, app = app, from = state, to = move.to, actor = move.actor,
    reason = move.reason, at = at }
  redis.call('RPUSH', key('changes-of', move.release), cjson.encode(change))
  redis.call('XADD', key('events'), 'MAXLEN', '~', '10000', '*', 'change', cjson.encode(change))
end

-- Record a release that was not known; its step comes from nowhere.
local function create(release, at)
  local name = key('release', release.id)
  for field, value in pairs(release) do
    redis.call('HSET', name, field, tostring(value))
  end
  redis.call('HSET', name, 'created', at, 'updated', at)
  local seq = redis.call('INCR', key('seq'))
  redis.call('ZADD', key('releases'), seq, release.id)
  redis.call('ZADD', key('app', release.app, 'releases'), seq, release.id)
  if release.on_a_color then
    redis.call('SADD', key('app', release.app, 'on-a-color'), release.id)
  end
  local change = { release = release.id, app = release.app, to = release.state, actor = release.actor,
    reason = release.reason, at = at }
  redis.call('RPUSH', key('changes-of', release.id), cjson.encode(change))
  redis.call('XADD', key('events'), 'MAXLEN', '~', '10000', '*', 'change', cjson.encode(change))
end

-- Whether each release is where its move begins; one that is at its end already was moved by somebody else.
local function are_legal(moves)
  for _, move in ipairs(moves) do
    if not contains(move.from, redis.call('HGET', key('release', move.release), 'state')) then
      return false
    end
  end
  return true
end

-- Moves that still fit; the end of a job must not fail because somebody cancelled a release meanwhile.
local function carry_out_legal(moves, at)
  for _, move in ipairs(moves) do
    carry_out(move, at)
  end
end

-- The id at the head of a queue. Ids whose record is gone (removed by hand) leave it: nobody could end them.
local function head_of(queue)
  local id = redis.call('LINDEX', queue, 0)
  while id and redis.call('EXISTS', key('job', id)) == 0 do
    redis.call('LPOP', queue)
    id = redis.call('LINDEX', queue, 0)
  end
  return id
end

-- Offer the job at the head unless it is active already. Answers the offer it made, if any.
local function offer_head(queue, at)
  local id = head_of(queue)
  if not id or redis.call('HGET', key('job', id), 'state') ~= 'waiting' then
    return nil
  end
  return offer(read(key('job', id)), at, true)
end

-- Lists of an app's waiting and running jobs of a kind, in the order of their turns: of all tags, and of one.
-- So that a request is not held against everything that waits in its queue.
local function open_jobs(app, kind, tag)
  return key('app', app, 'open', kind), key('app', app, 'open', kind, tag)
end

-- Take the job out of its queue for good and offer the next one, if the queue's head has changed.
local function finish(job, state, problem, at)
  local queue = key('queue', job.queue)
  redis.call('LREM', queue, 1, job.id)
  for _, open in ipairs({ open_jobs(job.app, job.kind, job.tag) }) do
    redis.call('LREM', open, 1, job.id)
  end
  redis.call('ZREM', key('watch'), job.id)
  set(job, 'state', state)
  set(job, 'ended', at)
  if problem ~= '' then
    set(job, 'problem', problem)
  end
  if job.release == '' then
    -- No release's end takes this record with it.
    redis.call('EXPIRE', key('job', job.id), 2592000)
  end
  local next_offer = offer_head(queue, at)
  if redis.call('EXISTS', queue) == 0 then
    redis.call('SREM', key('queues'), job.queue)
  end
  return next_offer
end
