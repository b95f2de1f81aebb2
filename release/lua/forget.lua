-- Forget finished releases: their record, life, log and jobs. One that runs, waits or is on a color is left.
-- ARGV: app, states that may be forgotten as JSON, release ids as JSON. Answers how many went.
local app, finished = ARGV[1], cjson.decode(ARGV[2])
local forgotten = 0

local function has_open_job(jobs)
  for _, id in ipairs(jobs) do
    local state = redis.call('HGET', key('job', id), 'state')
    if state and not contains({ 'done', 'failed', 'cancelled' }, state) then
      return true
    end
  end
  return false
end

for _, id in ipairs(cjson.decode(ARGV[3])) do
  local state = redis.call('HGET', key('release', id), 'state')
  local jobs = redis.call('LRANGE', key('jobs-of', id), 0, -1)
  if (not state or contains(finished, state)) and not has_open_job(jobs) then
    for _, job in ipairs(jobs) do
      redis.call('DEL', key('job', job))
      redis.call('LREM', key('app', app, 'jobs'), 0, job)
    end
    redis.call('DEL', key('release', id), key('changes-of', id), key('jobs-of', id), key('log', id),
      key('votes', id), key('stopped', id), key('difference', id))
    redis.call('ZREM', key('releases'), id)
    redis.call('ZREM', key('app', app, 'releases'), id)
    forgotten = forgotten + 1
  end
end
return forgotten
