-- Keep what somebody says to a release: each approves once, and after a rejection nobody says anything.
-- Answers how it went, and who had rejected it.
-- ARGV: release, who (the same text for the same person), actor, decision, comment, states in which it is heard as JSON
local id, who, decision = ARGV[1], ARGV[2], ARGV[4]
local release = redis.call('HMGET', key('release', id), 'state', 'app', 'tag')
if not release[1] or not contains(cjson.decode(ARGV[6]), release[1]) then
  return { 'late' }
end
for _, text in ipairs(redis.call('LRANGE', key('votes', id), 0, -1)) do
  local vote = cjson.decode(text)
  if vote.decision == 'reject' then
    return { 'rejected', vote.actor }
  end
  if decision == 'approve' and vote.who == who then
    return { 'repeated' }
  end
end
local _, promotes = open_jobs(release[2], 'promote', release[3])
local function has_begun(job_id)
  local job = redis.call('HMGET', key('job', job_id), 'release', 'started')
  return job[1] == id and job[2]
end
if decision == 'reject' and find_first(promotes, 0, has_begun) then
  -- Users may be on it by now; a promote that only waits asks for the votes when it begins.
  return { 'begun' }
end
redis.call('RPUSH', key('votes', id), cjson.encode({ who = who, actor = ARGV[3], decision = decision,
  comment = ARGV[5], at = now() }))
tell_event('vote', release[2], id, { tag = release[3], decision = decision, actor = ARGV[3], comment = ARGV[5], at = now() })
return { 'kept' }
