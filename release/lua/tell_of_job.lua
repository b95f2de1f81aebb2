-- Tell something of a job in its log, once for each mark, while it waits or runs. ARGV: job, mark, text, kind of
-- the event that it is (empty: none)
local job = read(key('job', ARGV[1]))
if not job.id or job.ended or redis.call('HSETNX', key('job', job.id), 'told.' .. ARGV[2], 1) == 0 then
  return 0
end
tell(job, ARGV[3])
if ARGV[4] ~= '' then
  tell_event(ARGV[4], job.app, job.release, { job = job.id, kind = job.kind, queue = job.queue, tag = job.tag,
    text = ARGV[3], at = now() })
end
return 1
