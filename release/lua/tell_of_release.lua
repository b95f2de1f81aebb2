-- What the cluster shows of a release, in its log, unless the line before had the same mark.
-- ARGV: release, mark, text, limit
local release = key('release', ARGV[1])
if redis.call('EXISTS', release) == 0 or redis.call('HGET', release, 'told') == ARGV[2] then
  return 0
end
redis.call('HSET', release, 'told', ARGV[2])
add_line(ARGV[1], 'cluster', ARGV[3], tonumber(ARGV[4]))
return 1
