-- Add lines to a log while a stage holds its turn. ARGV: job, fence, log, stage, limit, line…
local job = redis.call('HMGET', key('job', ARGV[1]), 'state', 'fence')
if job[1] ~= 'running' or job[2] ~= ARGV[2] then
  return 0
end
for i = 6, #ARGV do
  add_line(ARGV[3], ARGV[4], ARGV[i], ARGV[5])
end
return 1
