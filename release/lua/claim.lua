-- Take the offered stage. ARGV: job, index, fence, owner, lease, moves
local job, at = read(key('job', ARGV[1])), now()
local owner, moves = ARGV[4], cjson.decode(ARGV[6])
if job.fence ~= ARGV[3] or job.index ~= ARGV[2] then
  return cjson.encode({ claimed = false })
end
local again = job.state == 'running' and job.owner == owner
if not again and (job.state ~= 'offered' or redis.call('LINDEX', key('queue', job.queue), 0) ~= job.id) then
  return cjson.encode({ claimed = false })
end
carry_out_legal(moves, at)
set(job, 'state', 'running')
set(job, 'owner', owner)
redis.call('ZREM', key('deadlines'), job.id)
if not job.started then
  set(job, 'started', at)
end
local stage = 's' .. job.index
set(job, stage .. '.state', 'running')
if not job[stage .. '.started'] then
  set(job, stage .. '.started', at)
end
tell_stage_event(job, stage_at(job, tonumber(job.index)), 'running', at)
watch(job, at + tonumber(ARGV[5]))
return cjson.encode({ claimed = true, give_up = job.give_up, attempt = tonumber(job.attempt), cancel = job.cancel_by })
