-- Keep what CI says of a commit: of each check the newest word, whatever the order in which they arrive.
-- ARGV: app, commit, checks as JSON [{name, state, at}] (at 0: not told), how long to keep them in milliseconds
local at, name = now(), key('checks', ARGV[1], ARGV[2])
for _, check in ipairs(cjson.decode(ARGV[3])) do
  -- A clock that is ahead must not silence what is said after it.
  local said = check.at > 0 and math.min(check.at, at) or at
  local known = redis.call('HGET', name, check.name)
  local before = known and cjson.decode(known) or { at = -1 }
  -- Of the same moment, an end counts more than a beginning.
  if said > before.at or (said == before.at and check.state ~= 'pending') then
    redis.call('HSET', name, check.name, cjson.encode({ state = check.state, at = said }))
  end
end
redis.call('PEXPIRE', name, ARGV[4])
return 1
