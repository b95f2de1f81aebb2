-- How things stand, in one answer: what was counted, how long queues are, what runs or waits for a worker. A few reads
-- for each queue in which something stands, and for each job that is active. ARGV: how many of a queue are looked at.
local queues, active = {}, {}
for _, name in ipairs(redis.call('SMEMBERS', key('queues'))) do
  local front = {}
  for _, id in ipairs(redis.call('LRANGE', key('queue', name), 0, tonumber(ARGV[1]) - 1)) do
    front[#front + 1] = redis.call('HMGET', key('job', id), 'state', 'queued')
  end
  queues[#queues + 1] = { name, redis.call('LLEN', key('queue', name)), front }
end
local watched = redis.call('ZRANGE', key('watch'), 0, -1, 'WITHSCORES')
for i = 1, #watched, 2 do
  local job = redis.call('HMGET', key('job', watched[i]), 'state', 'offered', 'kind', 'stages', 'index')
  if job[1] then
    active[#active + 1] = { deadline = watched[i + 1], state = job[1], offered = job[2], kind = job[3], stages = job[4],
      index = job[5] }
  end
end
return cjson.encode({
  at = now(), counts = redis.call('HGETALL', key('counts')), queues = queues, active = active,
  starting = redis.call('ZCARD', key('starting')), held = redis.call('ZCARD', key('held')),
  looked = redis.call('GET', key('looked')),
})
