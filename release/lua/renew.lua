-- Extend the lease. ARGV: job, fence, lease, extend ('1' or '0'). Answers {0} when fenced out, else {1, canceller}.
local job = read(key('job', ARGV[1]))
if job.state ~= 'running' or job.fence ~= ARGV[2] then
  return { 0 }
end
if ARGV[4] == '1' then
  watch(job, now() + tonumber(ARGV[3]))
end
return { 1, job.cancel_by or '' }
