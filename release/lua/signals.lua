-- The lines of signals: what waits for each channel to be sent, one message at a time, in its order.
-- ARGV: what to do, then what that takes. Read by `release.signal_lines`.

local line_limit, kept = 1000, 172800

local function channel_key(channel)
  return key('signals', 'channel', channel)
end

local function line_key(channel)
  return key('signals', 'line', channel)
end

local function message_key(id)
  return key('signals', 'message', id)
end

local function note_drop(channel, why, at)
  redis.call('HINCRBY', channel_key(channel), 'dropped', 1)
  redis.call('HSET', channel_key(channel), 'dropped_why', why, 'dropped_at', at)
end

local function forget(channel, id, subject)
  redis.call('LREM', line_key(channel), 1, id)
  redis.call('DEL', message_key(id))
  local newest = key('signals', 'newest', channel)
  if subject ~= '' and redis.call('HGET', newest, subject) == id then
    redis.call('HDEL', newest, subject)
  end
end

-- A message that is being sent stays: what became of it is told by whoever sends it.
local function supersede(channel, message, flight)
  local newest = key('signals', 'newest', channel)
  local older = redis.call('HGET', newest, message.subject)
  if older and older ~= flight then
    forget(channel, older, message.subject)
  end
  redis.call('HSET', newest, message.subject, message.id)
  redis.call('EXPIRE', newest, kept)
end

local function add(message, at)
  if redis.call('EXISTS', message_key(message.id)) == 1 then
    return
  end
  local line, flight = line_key(message.channel), redis.call('HGET', channel_key(message.channel), 'flight')
  if message.subject ~= '' then
    supersede(message.channel, message, flight)
  end
  redis.call('HSET', message_key(message.id), 'data', message.data, 'subject', message.subject, 'created', at,
    'attempts', 0)
  redis.call('EXPIRE', message_key(message.id), kept)
  redis.call('RPUSH', line, message.id)
  redis.call('EXPIRE', line, kept)
  if redis.call('LLEN', line) > line_limit then
    local oldest = redis.call('LINDEX', line, 0)
    if oldest == flight then
      oldest = redis.call('LINDEX', line, 1)
    end
    forget(message.channel, oldest, redis.call('HGET', message_key(oldest), 'subject') or '')
    note_drop(message.channel, 'more than ' .. line_limit .. ' waited', at)
  end
end

local act = {}

-- Take events: their messages stand in the lines from the same moment on at which the cursor is past them. Another
-- worker that read the same events finds the cursor moved, and adds nothing. ARGV: cursor, its next place, the age in
-- ms past which nobody is told any more, messages, channels for which events may be missing as they were cut (nobody
-- knows how many). With an empty cursor messages are added that no event caused.
function act.take(cursor, place, oldest, messages, missed)
  local at = now()
  if cursor ~= '' then
    if redis.call('GET', key('signals', 'cursor')) ~= cursor then
      return 0
    end
    redis.call('SET', key('signals', 'cursor'), place)
  end
  for _, channel in ipairs(cjson.decode(missed)) do
    redis.call('HSET', channel_key(channel), 'dropped_at', at, 'dropped_why',
      'more happened than Redis keeps before a worker for signals read it: of some of it nobody was told')
  end
  for _, message in ipairs(cjson.decode(messages)) do
    if cursor ~= '' and at - message.at > tonumber(oldest) then
      note_drop(message.channel, 'it was older than an hour when a worker for signals came back', at)
    else
      add(message, at)
    end
  end
  return 1
end

-- Offer the first of each line of which none is on its way. ARGV: for how many ms, channels.
function act.offer(lease, ...)
  local at, offers = now(), {}
  for _, channel in ipairs({ ... }) do
    local state, line = read(channel_key(channel)), line_key(channel)
    if (tonumber(state['until']) or 0) <= at and (tonumber(state.next_try) or 0) <= at then
      local id = redis.call('LINDEX', line, 0)
      while id and redis.call('EXISTS', message_key(id)) == 0 do
        redis.call('LPOP', line)
        id = redis.call('LINDEX', line, 0)
      end
      if id then
        local number = redis.call('HINCRBY', channel_key(channel), 'offer', 1)
        redis.call('HSET', channel_key(channel), 'flight', id, 'until', at + tonumber(lease))
        redis.call('HDEL', channel_key(channel), 'claimed')
        table.insert(offers, { number = number, data = redis.call('HGET', message_key(id), 'data') })
      end
    end
  end
  return cjson.encode(offers)
end

-- Take what is offered, once. ARGV: channel, message, number of the offer, for how many ms.
function act.claim(channel, id, number, lease)
  local state = read(channel_key(channel))
  local message = read(message_key(id))
  if state.flight ~= id or state.offer ~= number or state.claimed or not message.data then
    return false
  end
  redis.call('HSET', channel_key(channel), 'claimed', 1, 'until', now() + tonumber(lease))
  return cjson.encode({ data = message.data, failures = tonumber(state.failures) or 0 })
end

local function note_sent(channel, id, at)
  redis.call('HINCRBY', channel_key(channel), 'sent', 1)
  redis.call('HSET', channel_key(channel), 'sent_at', at, 'sent_id', id, 'failures', 0)
  redis.call('HDEL', channel_key(channel), 'failing_since', 'next_try')
  redis.call('HDEL', key('signals', 'failing'), channel)
end

local function note_failure(channel, id, text, at)
  redis.call('HINCRBY', channel_key(channel), 'failures', 1)
  redis.call('HSET', channel_key(channel), 'error', text, 'error_at', at, 'error_id', id)
  redis.call('HSETNX', channel_key(channel), 'failing_since', at)
  redis.call('HSETNX', key('signals', 'failing'), channel, at)
end

-- A message is tried again, until it is too old or a newer one says more. Each third time it goes behind the others:
-- one that alone is refused holds nobody up.
local function try_later(channel, id, message, delay, oldest, text, at)
  local newest = message.subject ~= '' and redis.call('HGET', key('signals', 'newest', channel), message.subject)
  redis.call('HSET', channel_key(channel), 'next_try', at + delay)
  if newest and newest ~= id then
    forget(channel, id, message.subject)
  elseif at - tonumber(message.created) > oldest then
    forget(channel, id, message.subject)
    note_drop(channel, text, at)
  elseif redis.call('HINCRBY', message_key(id), 'attempts', 1) % 3 == 0 then
    redis.call('LREM', line_key(channel), 1, id)
    redis.call('RPUSH', line_key(channel), id)
  end
end

-- What became of a message. That it was sent counts whoever says it. ARGV: channel, message, number of the offer,
-- sent, later or never, why, ms until the next try, ms past which there is none.
act['end'] = function(channel, id, number, outcome, text, delay, oldest)
  local at, state, message = now(), read(channel_key(channel)), read(message_key(id))
  local is_ours = state.flight == id and state.offer == number
  if not message.data or not (is_ours or outcome == 'sent') then
    return 0
  end
  if state.flight == id then
    redis.call('HDEL', channel_key(channel), 'flight', 'until', 'claimed')
  end
  if outcome == 'sent' then
    note_sent(channel, id, at)
    forget(channel, id, message.subject)
    return 1
  end
  note_failure(channel, id, text, at)
  if outcome == 'never' then
    forget(channel, id, message.subject)
    note_drop(channel, text, at)
  else
    try_later(channel, id, message, tonumber(delay), tonumber(oldest), text, at)
  end
  return 1
end

return act[ARGV[1]](unpack(ARGV, 2))
