-- Let a job into its queue: what it waited for is there. It goes behind all that is in the queue already.
-- ARGV: job, moves, fields of its release as JSON, whether no freeze stops it any more ('1')
local job, at = read(key('job', ARGV[1])), now()
if not waits_to_start(job) then
  return cjson.encode({ status = 'begun' })
end
redis.call('ZREM', key('starting'), job.id)
redis.call('HDEL', key('job', job.id), 'start_by')
for _, open in ipairs({ open_jobs(job.app, job.kind, job.tag) }) do
  -- Its turn comes after those that were accepted later but are in the queue already.
  redis.call('LREM', open, 1, job.id)
  redis.call('RPUSH', open, job.id)
end
carry_out_legal(cjson.decode(ARGV[2]), at)
if ARGV[4] == '1' then
  set(job, 'past_freeze', 1)
end
for field, value in pairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', key('release', job.release), field, value)
end
return cjson.encode({ status = 'started', offers = { enqueue(job, nil, at) } })
