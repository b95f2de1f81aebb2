-- Keep that somebody stopped the promote of a release that would come by itself: the first who does.
-- ARGV: release, actor, reason, states in which there is one to come as JSON
local id = ARGV[1]
local release = redis.call('HMGET', key('release', id), 'state', 'app', 'tag')
if not release[1] or not contains(cjson.decode(ARGV[4]), release[1]) then
  return 'late'
end
if redis.call('EXISTS', key('stopped', id)) == 1 then
  return 'repeated'
end
local _, promotes = open_jobs(release[2], 'promote', release[3])
local function is_of_release(job_id)
  return redis.call('HGET', key('job', job_id), 'release') == id
end
if find_first(promotes, 0, is_of_release) then
  return 'begun'
end
redis.call('HSET', key('stopped', id), 'actor', ARGV[2], 'reason', ARGV[3], 'at', now())
tell_event('vote', release[2], id, { tag = release[3], decision = 'stop-countdown', actor = ARGV[2], comment = ARGV[3],
  at = now() })
return 'kept'
