-- Keep what a worker saw of an app. Who reads pages hears of it only when it says something new.
-- ARGV: app, the observation as JSON, a digest of it without its time, and of what somebody undid: its mark (empty:
-- nothing), what, users, next step; when it was seen, in milliseconds
local app, digest, mark = ARGV[1], ARGV[3], ARGV[4]
redis.call('SET', key('app', app, 'observation'), ARGV[2])
redis.call('ZADD', key('observed-at'), ARGV[8], app)
local known = redis.call('HMGET', key('app', app, 'observed'), 'digest', 'mark')
if known[1] == digest then
  return 0
end
redis.call('HSET', key('app', app, 'observed'), 'digest', digest, 'mark', mark)
if mark ~= '' and known[2] ~= mark then
  tell_event('interference', app, '', { mark = mark, what = ARGV[5], users = ARGV[6], next_step = ARGV[7], at = now() })
else
  tell_event('observed', app, '', { at = now() })
end
return 1
