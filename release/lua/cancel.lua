-- Cancel a job that has not begun, or ask the one that runs to stop. ARGV: job, actor, problem, moves
local job, at = read(key('job', ARGV[1])), now()
if not job.id or job.state == 'done' or job.state == 'failed' or job.state == 'cancelled' then
  return cjson.encode({ status = 'over' })
end
redis.call('ZREM', key('deadlines'), job.id)
if job.started and job.kind ~= 'deploy' then
  -- A switch is over in a moment and can't be cut in the middle.
  return cjson.encode({ status = 'begun' })
end
if job.started then
  if not job.cancel_by then
    set(job, 'cancel_by', ARGV[2])
    set(job, 'cancel_problem', ARGV[3])
    tell_job_event(job, at)
  end
  return cjson.encode({ status = 'requested' })
end
carry_out_legal(cjson.decode(ARGV[4]), at)
return cjson.encode({ status = 'cancelled', offers = finish(job, 'cancelled', ARGV[3], at) })
