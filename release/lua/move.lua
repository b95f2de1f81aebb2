-- Change releases while a stage holds its turn. ARGV: job, fence, moves, release, its fields, fields of the job; then, of
-- a switch, what shows it, as `observe` takes it: pages hear of both at once
local job, at = read(key('job', ARGV[1])), now()
local moves, fields = cjson.decode(ARGV[3]), cjson.decode(ARGV[5])
if job.state ~= 'running' or job.fence ~= ARGV[2] then
  return 0
end
carry_out_legal(moves, at)
local release = key('release', ARGV[4])
if redis.call('EXISTS', release) == 1 then
  for field, value in pairs(fields) do
    redis.call('HSET', release, field, value)
  end
end
for field, value in pairs(cjson.decode(ARGV[6])) do
  set(job, field, value)
end
if ARGV[7] then
  observe(unpack(ARGV, 7))
end
return 1
