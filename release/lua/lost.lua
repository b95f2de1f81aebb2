-- A worker of this stage is gone: offer the stage again under a new fence, or, past the limit, offer it to be
-- given up: whoever claims it stamps the cluster's objects first and fails it then. ARGV: job, fence, why, limit
local job, at = read(key('job', ARGV[1])), now()
if job.state ~= 'running' or job.fence ~= ARGV[2] then
  return cjson.encode({ status = 'lost' })
end
set(job, 'attempt', tonumber(job.attempt) + 1)
if job.once == stage_at(job, tonumber(job.index)) or tonumber(job.attempt) > tonumber(ARGV[4]) then
  set(job, 'give_up', ARGV[3])
end
tell(job, 'offered to another worker: ' .. ARGV[3])
return cjson.encode({ status = 'next', offers = { offer(job, at, true) } })
