-- Tell something of a job in its log, once for each mark, while it waits or runs. ARGV: job, mark, text
local job = read(key('job', ARGV[1]))
if not job.id or job.ended or redis.call('HSETNX', key('job', job.id), 'told.' .. ARGV[2], 1) == 0 then
  return 0
end
tell(job, ARGV[3])
return 1
