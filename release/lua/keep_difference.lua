-- Keep what a promote of a release changes, and the values that it was made with as they were first seen.
-- ARGV: release, app, the difference as JSON, fingerprints of the values as JSON
local id, app = ARGV[1], ARGV[2]
if redis.call('EXISTS', key('release', id)) == 0 then
  return 0
end
redis.call('HSET', key('difference', id), 'difference', ARGV[3])
redis.call('HSETNX', key('difference', id), 'values', ARGV[4])
tell_event('observed', app, id, { at = now() })
return 1
