-- Tell what a release still waits for, where that has changed. ARGV: job, reason, fields of its release as JSON, until when (0: no change)
local job = read(key('job', ARGV[1]))
if not waits_to_start(job) then
  return 0
end
local release, till = key('release', job.release), tonumber(ARGV[4])
if till > 0 then
  set(job, 'start_by', till)
  redis.call('ZADD', key('starting'), till, job.id)
  redis.call('ZADD', key('deadlines'), till, job.id)
end
for field, value in pairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', release, field, value)
end
if redis.call('HGET', release, 'reason') == ARGV[2] then
  return 0
end
redis.call('HSET', release, 'reason', ARGV[2])
tell(job, ARGV[2])
tell_job_event(job, now())
return 1
