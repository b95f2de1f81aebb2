-- Let a job whose turn has come wait outside of its queue again: a freeze is on. Not one that has begun, nor one that
-- somebody let through. ARGV: job, fence, moves, fields of its release as JSON, for how many milliseconds at most, why
local job, at = read(key('job', ARGV[1])), now()
if job.state ~= 'offered' or job.fence ~= ARGV[2] or job.started or job.past_freeze then
  return cjson.encode({ status = 'begun' })
end
carry_out_legal(cjson.decode(ARGV[3]), at)
for field, value in pairs(cjson.decode(ARGV[4])) do
  redis.call('HSET', key('release', job.release), field, value)
end
leave_queue(job)
redis.call('ZREM', key('watch'), job.id)
redis.call('HDEL', key('job', job.id), 'turn')
set(job, 'state', 'waiting')
set(job, 'start_patience', ARGV[5])
wait_to_start(job, at)
tell(job, ARGV[6])
tell_job_event(job, at)
return cjson.encode({ status = 'postponed', offers = offer_next(job.app, job.queue, at) })
