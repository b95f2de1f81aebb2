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

-- Fields of a hash, and further ones as names and values by turns, in one command: each is one on the disk, too.
local function write(name, hash, ...)
  local flat = { ... }
  for field, value in pairs(hash) do
    flat[#flat + 1] = field
    flat[#flat + 1] = type(value) == 'boolean' and tostring(value) or value
  end
  redis.call('HSET', name, unpack(flat))
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
    stages = job.stages, index = tonumber(job.index), fence = tonumber(job.fence), attempt = tonumber(job.attempt),
  }
end

local function set(job, field, value)
  job[field] = tostring(value)
  redis.call('HSET', key('job', job.id), field, value)
end

local function watch(job, deadline)
  redis.call('ZADD', key('watch'), deadline, job.id)
end

-- The first of a list that is wanted, read a few at a time: a list may be long, and mostly its front decides.
local function find_first(list, from, is_wanted)
  local few = 16
  repeat
    local ids = redis.call('LRANGE', list, from, from + few - 1)
    for _, id in ipairs(ids) do
      if is_wanted(id) then
        return id
      end
    end
    from = from + few
  until #ids < few
end

-- A line of a log. Lines are numbered, so that a reader sees how many were cut before the first one left.
local function add_line(subject, stage, text, limit)
  local name = key('log', subject)
  local last = redis.call('XREVRANGE', name, '+', '-', 'COUNT', 1)[1]
  local number = 1
  if last then
    for i = 1, #last[2], 2 do
      if last[2][i] == 'n' then
        number = tonumber(last[2][i + 1]) + 1
      end
    end
  end
  redis.call('XADD', name, 'MAXLEN', '~', limit, '*', 'n', number, 'stage', stage, 'text', text)
end

-- Tell whoever listens, and let readers see that something of the app is new; `release.events` reads both.
local function tell_event(kind, app, release, data)
  redis.call('XADD', key('events'), 'MAXLEN', '~', '10000', '*',
    'kind', kind, 'app', app, 'release', release, 'data', cjson.encode(data))
  redis.call('HINCRBY', key('touched'), app, 1)
end

local function tell_job_event(job, at)
  tell_event('job', job.app, job.release, { job = job.id, kind = job.kind, queue = job.queue, tag = job.tag,
    color = job.color, state = job.state, actor = job.actor, at = at })
end

local function tell_stage_event(job, stage, state, at)
  tell_event('stage', job.app, job.release, { job = job.id, kind = job.kind, tag = job.tag, color = job.color,
    stage = stage, state = state, attempt = tonumber(job.attempt), at = at })
end

-- The name of a job's stage at an index, from 0.
local function stage_at(job, index)
  local position = 0
  for name in string.gmatch(job.stages, '[^,]+') do
    if position == index then
      return name
    end
    position = position + 1
  end
end

-- Numbers that outlive what they count; `release.counts` reads them. A name is a list, the first word says of what.
local function count(amount, ...)
  redis.call('HINCRBY', key('counts'), cjson.encode({ ... }), amount)
end

-- Upper bounds in milliseconds of what stages and switches take: from an instant to an hour; `release.counts` has them
-- as well.
local bounds = { 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000 }

local function find_bound(took)
  for _, bound in ipairs(bounds) do
    if took <= bound then
      return bound
    end
  end
  return 'more'
end

-- A stage that ended, and how long it took, also counted in the first bound that holds it.
local function count_stage(job, stage, outcome, took)
  count(1, 'stages', job.app, stage, outcome)
  count(1, 'stage-took', stage, find_bound(took))
  count(took, 'stage-milliseconds', stage)
end

-- What the prober of a switch saw, once its job is over: as often as it was kept before, it is counted once.
local function count_switch(job)
  local probe = cjson.decode(job.probe)
  count(1, 'switches', job.app, job.kind)
  count(probe.requests, 'switch-requests', job.app)
  count(probe.lost, 'switch-lost', job.app)
  for _, answer in ipairs({ 'first_new', 'last_old' }) do
    local seconds = probe[answer]
    if type(seconds) == 'number' then
      local took = math.floor(seconds * 1000 + 0.5)
      count(1, 'switch-took', job.kind, answer, find_bound(took))
      count(took, 'switch-milliseconds', job.kind, answer)
    end
  end
end

-- Which of 256 streams of ids a value's entries are in; `release.audit` chooses in the same way. Their number is
-- bounded, however many releases and names there were.
local function bucket_of(text)
  local bucket = 0
  for i = 1, #text do
    bucket = (bucket * 31 + string.byte(text, i)) % 256
  end
  return bucket
end

-- Let a filter of the audit trail find an entry: its id again, with the value that it is looked for by.
-- A failure is let go: keys that somebody cleared by hand must not keep a release from its step, half of it taken.
local function index_audit(id, dimension, chosen_by, value)
  if value ~= '' then
    redis.pcall('XADD', key('audit-by', dimension, bucket_of(chosen_by)), id, 'v', value)
  end
end

-- An entry of the audit trail; `release.audit` reads it. What nearly every entry has is in no index: to read the
-- trail itself finds it as soon. Only `write_audit` and `Audit.trim` cut it, so that this stays cheap. Entries are
-- numbered, so that a reader sees how many were cut before the first one left.
local function audit(entry)
  local number = redis.call('INCR', key('audit-number'))
  local id = redis.call('XADD', key('audit'), '*', 'n', number, 'actor', entry.actor, 'address', entry.address,
    'action', entry.action, 'app', entry.app, 'release', entry.release, 'reason', entry.reason,
    'outcome', entry.outcome, 'why', entry.why, 'before', entry.before, 'after', entry.after)
  index_audit(id, 'app', entry.app, entry.app)
  index_audit(id, 'release', entry.release, entry.release)
  if entry.actor ~= 'verdigris:verdigris' then
    index_audit(id, 'actor', string.match(entry.actor, ':(.*)') or entry.actor, entry.actor)
  end
  if entry.action ~= 'change' then
    index_audit(id, 'action', entry.action, entry.action)
  end
  if entry.outcome ~= 'done' then
    index_audit(id, 'outcome', entry.outcome, entry.outcome)
  end
  return id
end

-- Keep what a worker saw of an app. Who reads pages hears of it only when it says something new. `digest` is of the
-- observation without its time; of what somebody undid its mark (empty: nothing), what, users and next step; `seen_at`
-- in milliseconds.
local function observe(app, seen, digest, mark, what, users, next_step, seen_at)
  redis.call('SET', key('app', app, 'observation'), seen)
  redis.call('ZADD', key('observed-at'), seen_at, app)
  local known = redis.call('HMGET', key('app', app, 'observed'), 'digest', 'mark')
  if known[1] == digest then
    return 0
  end
  redis.call('HSET', key('app', app, 'observed'), 'digest', digest, 'mark', mark)
  if mark ~= '' and known[2] ~= mark then
    tell_event('interference', app, '', { mark = mark, what = what, users = users, next_step = next_step, at = now() })
  else
    tell_event('observed', app, '', { at = now() })
  end
  return 1
end

-- What the queue itself has to say of a job, in the log where its stages' lines stand.
local function tell(job, text)
  add_line(job.release ~= '' and job.release or job.id, 'queue', text, tonumber(job.log_lines or 5000))
end

-- Make the stage at the job's index available to a worker under a fence of its own.
local function offer(job, at, new_fence)
  set(job, 'state', 'offered')
  set(job, 'offered', at)
  if new_fence then
    -- After a loss of Redis fences must still be higher than those stamped on objects in the cluster.
    redis.call('SET', key('fence'), at, 'NX')
    set(job, 'fence', redis.call('INCR', key('fence')))
  end
  watch(job, at + tonumber(job.grace))
  redis.call('ZADD', key('deadlines'), at + tonumber(job.patience or 86400000), job.id)
  if not job.turn then
    set(job, 'turn', at)
  end
  if new_fence then
    tell_job_event(job, at)
  end
  return offer_of(job)
end

-- Keep a step of a release: with it, for whoever listens, and in the audit trail, which outlives the release. The trail
-- has where the delivery came from that made it, if one did: `sender` = {address, delivery}.
local function keep_change(change, tag, sender)
  redis.call('RPUSH', key('changes-of', change.release), cjson.encode(change))
  tell_event('release', change.app, change.release, { from = change.from, to = change.to, tag = tag,
    actor = change.actor, reason = change.reason, at = change.at })
  count(1, 'releases', change.app, change.to)
  audit({ actor = change.actor, address = sender and sender.address or '', action = 'change', app = change.app, release = change.release,
    reason = change.reason, outcome = 'done', why = '',
    before = change.from and cjson.encode({ state = change.from, tag = tag }) or '{}',
    after = cjson.encode({ state = change.to, tag = tag, delivery = sender and sender.delivery }) })
end

local function carry_out(move, at, sender)
  local name = key('release', move.release)
  local state = redis.call('HGET', name, 'state')
  if state == move.to or not contains(move.from, state) then
    return
  end
  local known = redis.call('HMGET', name, 'app', 'tag')
  local app, tag = known[1], known[2]
  redis.call('HSET', name, 'state', move.to, 'was', state, 'reason', move.reason, 'updated', at)
  local on_a_color = key('app', app, 'on-a-color')
  if move.on_a_color then
    redis.call('SADD', on_a_color, move.release)
  else
    redis.call('SREM', on_a_color, move.release)
  end
  keep_change({ release = move.release, app = app, from = state, to = move.to, actor = move.actor,
    reason = move.reason, at = at }, tag, sender)
end

-- Record a release that was not known; its step comes from nowhere.
local function create(release, at, sender)
  local name = key('release', release.id)
  write(name, release, 'created', at, 'updated', at)
  local seq = redis.call('INCR', key('seq'))
  redis.call('ZADD', key('releases'), seq, release.id)
  redis.call('ZADD', key('app', release.app, 'releases'), seq, release.id)
  if release.on_a_color then
    redis.call('SADD', key('app', release.app, 'on-a-color'), release.id)
  end
  keep_change({ release = release.id, app = release.app, to = release.state, actor = release.actor,
    reason = release.reason, at = at }, release.tag, sender)
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

local function is_active(id)
  local state = id and redis.call('HGET', key('job', id), 'state')
  return state == 'offered' or state == 'running'
end

-- Two jobs of an app never run at once, also where its tags go through several queues, or where the
-- configuration named another queue before.
local function is_free(app)
  return not is_active(redis.call('GET', key('app', app, 'active')))
end

-- Until when a deploy leaves its color alone, and for which tag: somebody may still want to roll back to it.
local function find_hold(job, at)
  local kept = tonumber(job.keep_rollback_for or '0')
  if job.kind ~= 'deploy' or kept == 0 then
    return nil
  end
  for _, id in ipairs(redis.call('SMEMBERS', key('app', job.app, 'on-a-color'))) do
    local release = read(key('release', id))
    local till = tonumber(release.updated or '0') + kept
    if release.state == 'standby' and release.color == job.color and till > at then
      return till, release.tag
    end
  end
end

-- Let the others pass. `reap` puts the job back in its place when its time has come, or the standby is gone.
local function hold(job, till, tag, at)
  redis.call('LREM', key('queue', job.queue), 1, job.id)
  redis.call('ZADD', key('held'), till, job.id)
  set(job, 'held_until', till)
  set(job, 'held_for', tag)
  tell_job_event(job, at)
  tell(job, string.format('held for %d min: %s can be rolled back to so long. `verdigris decommission %s` gives it up'
    .. ' and lets this release go on', math.ceil((till - at) / 60000), tag, job.app))
end

-- Offer the job at the head, unless it or another one of its app is active. Answers the offer it made, if any.
local function offer_head(queue, at)
  local id = head_of(queue)
  while id do
    local job = read(key('job', id))
    if job.state ~= 'waiting' or not is_free(job.app) then
      return nil
    end
    local till, tag = find_hold(job, at)
    if not till then
      redis.call('SET', key('app', job.app, 'active'), id)
      return offer(job, at, true)
    end
    hold(job, till, tag, at)
    id = head_of(queue)
  end
end

-- Put a job into its queue: before another one, else at the end.
local function enqueue(job, before, at)
  local queue = key('queue', job.queue)
  set(job, 'place', redis.call('INCR', key('places')))
  set(job, 'queued', at)
  redis.call('ZADD', key('deadlines'), at + tonumber(job.patience), job.id)
  if before then
    redis.call('LINSERT', queue, 'BEFORE', before, job.id)
  else
    redis.call('RPUSH', queue, job.id)
  end
  redis.call('SADD', key('queues'), job.queue)
  redis.call('SADD', key('app', job.app, 'queues'), job.queue)
  return offer_head(queue, at)
end

-- Keep a job out of its queue, in nobody's way, until `start` lets it in.
local function wait_to_start(job, at)
  local till = at + tonumber(job.start_patience)
  set(job, 'start_by', till)
  redis.call('ZADD', key('starting'), till, job.id)
  redis.call('ZADD', key('deadlines'), till, job.id)
end

local function waits_to_start(job)
  return job.id ~= nil and job.state == 'waiting' and redis.call('ZSCORE', key('starting'), job.id) ~= false
end

-- Offer what may go on once a job of `app` is over: the next of its queue, and the app's next in another queue.
-- Of the app's own, the one that goes ahead of most comes first, then the one that was accepted first.
local function offer_next(app, own, at)
  local heads, offers = {}, {}
  local names = redis.call('SMEMBERS', key('app', app, 'queues'))
  if not contains(names, own) then
    names[#names + 1] = own
  end
  for _, name in ipairs(names) do
    local queue = key('queue', name)
    local id = head_of(queue)
    if id then
      local job = redis.call('HMGET', key('job', id), 'app', 'urgency', 'place')
      local mine = job[1] == app
      if mine or name == own then
        heads[#heads + 1] = { queue = queue, mine = mine, urgency = tonumber(job[2] or 0), place = tonumber(job[3] or 0) }
      end
    end
  end
  table.sort(heads, function(a, b)
    if a.mine ~= b.mine then
      return a.mine
    end
    if a.urgency ~= b.urgency then
      return a.urgency > b.urgency
    end
    return a.place < b.place
  end)
  for _, head in ipairs(heads) do
    offers[#offers + 1] = offer_head(head.queue, at)
  end
  return offers
end

-- Lists of an app's waiting and running jobs of a kind, in the order of their turns: of all tags, and of one.
-- So that a request is not held against everything that waits in its queue.
local function open_jobs(app, kind, tag)
  return key('app', app, 'open', kind), key('app', app, 'open', kind, tag)
end

-- Out of the line. A queue in which nobody stands any more is forgotten.
local function leave_queue(job)
  local queue = key('queue', job.queue)
  redis.call('LREM', queue, 1, job.id)
  if redis.call('GET', key('app', job.app, 'active')) == job.id then
    redis.call('DEL', key('app', job.app, 'active'))
  end
  if redis.call('EXISTS', queue) == 0 then
    redis.call('SREM', key('queues'), job.queue)
    redis.call('SREM', key('app', job.app, 'queues'), job.queue)
  end
end

-- Take the job out of its queue for good. Answers the offers that this makes possible.
local function finish(job, state, problem, at)
  leave_queue(job)
  for _, open in ipairs({ open_jobs(job.app, job.kind, job.tag) }) do
    redis.call('LREM', open, 1, job.id)
  end
  for _, index in ipairs({ 'watch', 'held', 'starting', 'deadlines' }) do
    redis.call('ZREM', key(index), job.id)
  end
  set(job, 'state', state)
  set(job, 'ended', at)
  if problem ~= '' then
    set(job, 'problem', problem)
  end
  tell_job_event(job, at)
  if job.release == '' then
    -- No release's end takes this record with it.
    redis.call('EXPIRE', key('job', job.id), 2592000)
  end
  return offer_next(job.app, job.queue, at)
end
