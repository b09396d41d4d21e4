-- Reads what the gateway must know of a request body, in one pass and without building the document. What it accepts
-- is RFC 8259 exactly (CPython's json agrees, see tests), so that the gateway and an engine never read a body in two
-- ways. Costs beside copying it: 0.07 ms for one message of 400 KB, 0.25 ms for 950, 0.35 ms for as much source code.
--
-- Positions count from 1, as in Lua: p[i] is the byte of s at i. Lua ends every string with a NUL, so p[#s + 1] is 0:
-- no loop below goes on at a 0, and none reads behind it.

local ffi, bit = require("ffi"), require("bit")
local band, bor, bxor, tobit = bit.band, bit.bor, bit.bxor, bit.tobit
local char, find, gsub, lower, sub = string.char, string.find, string.gsub, string.lower, string.sub

local MAX_DEPTH = 128 -- CPython's own limit is near 1,000; a stack of this size is no work
-- An escape costs 30 ns, and 400 KB of source code have 20,000. Behind so many only the ends of strings are looked for,
-- which a wrong escape cannot move: such a body the engine refuses.
local MAX_CHECKS = 4096
local MAX_N = 128 -- as the OpenAI API has it
-- Media that a request may name by address: each costs 2 us to look at.
local MAX_REMOTE, MAX_ADDRESS = 256, 8192
local PREFIX_BYTES = 1024 -- about 256 tokens, or 16 blocks of an engine's cache

local BYTES, WORDS = ffi.typeof("const uint8_t *"), ffi.typeof("const uint64_t *")
local LOWEST, HIGH_BITS = 0x2020202020202020ULL, 0x8080808080808080ULL
local QUOTE, SLASH, COMMA, COLON = 34, 92, 44, 58
local ARRAY, OBJECT = 91, 123 -- [ and {; two further on are ] and }
local HEX, ESCAPE = ffi.new("bool[256]"), ffi.new("uint8_t[256]") -- by what follows a backslash: bytes of the escape
for digit in ("0123456789abcdefABCDEF"):gmatch(".") do HEX[digit:byte()] = true end
for c in ('"\\/bfnrt'):gmatch(".") do ESCAPE[c:byte()] = 2 end
ESCAPE[("u"):byte()] = 6

-- Members that decide what a request costs and who answers: each at most once, and in no other spelling.
local COUNTS = {max_tokens = 2147483647, max_completion_tokens = 2147483647, n = MAX_N, best_of = MAX_N}
local GUARDED = {model = true, stream = true, stream_options = true, messages = true, prompt = true, input = true}
for name in pairs(COUNTS) do GUARDED[name] = true end
-- llama.cpp lets it override max_tokens, so there would be no bound.
local REFUSED = {n_predict = true}
local OPTIONS = {include_usage = true, continuous_usage_stats = true}
local MEDIA = {image_url = true, image_embeds = true, video_url = true}
for _, name in ipairs({"audio_url", "input_audio", "file"}) do MEDIA[name] = true end
-- Last labels of names that are no public host's.
local PRIVATE = {}
for name in ("arpa corp home internal intranet lan local localdomain localhost private svc"):gmatch("%a+") do
  PRIVATE[name] = true
end

local function fail(code, param) error({code = code, param = param}, 0) end

local function space(p, i)
  local c = p[i]
  while c == 32 or c == 10 or c == 13 or c == 9 do
    i = i + 1
    c = p[i]
  end
  return i
end

-- One character of a string: the position behind it.
local function character(p, i)
  local c = p[i]
  if c < 32 then fail("invalid_json") end
  if c < 128 then return i + 1 end
  local first, last = 0x80, 0xBF -- of the second byte: no overlong forms, no surrogates, nothing above U+10FFFF
  if c == 0xE0 then first = 0xA0 elseif c == 0xED then last = 0x9F
  elseif c == 0xF0 then first = 0x90 elseif c == 0xF4 then last = 0x8F end
  local size = c < 0xE0 and 2 or c < 0xF0 and 3 or 4
  local second = p[i + 1]
  if c < 0xC2 or c > 0xF4 or second < first or second > last then fail("invalid_utf8") end
  for j = i + 2, i + size - 1 do
    if band(p[j], 0xC0) ~= 0x80 then fail("invalid_utf8") end
  end
  return i + size
end

-- All characters of a string, 32 bytes at a time while they are plain ASCII.
local function characters(p, i, last)
  while i <= last do
    local block = i + 32
    if block <= last then
      local w = ffi.cast(WORDS, p + i)
      local a, b, c, d = w[0], w[1], w[2], w[3]
      local any = bor(a, a - LOWEST, b, b - LOWEST, c, c - LOWEST, d, d - LOWEST)
      if band(any, HIGH_BITS) == 0 then i = block end
    end
    while i < block and i <= last do i = character(p, i) end
  end
end

local slash -- where the next backslash is, so that none is looked for twice
local checks -- how many escapes are still looked at

-- The first quote from `close` on that is not escaped.
local function unescaped(s, p, close)
  while true do
    local before = close - 1
    while p[before] == SLASH do before = before - 1 end
    if (close - before) % 2 == 1 then return close end
    close = find(s, '"', close + 1, true) or fail("invalid_json")
  end
end

-- The closing quote of the string that opens at i, and whether it has escapes.
local function text(s, p, i)
  local close = find(s, '"', i + 1, true) or fail("invalid_json")
  if slash < i then slash = find(s, "\\", i, true) or math.huge end
  local escapes = slash < close
  while slash < close do
    if checks == 0 then
      close, slash = unescaped(s, p, close), 0
      break
    end
    checks = checks - 1
    local size, hex = ESCAPE[p[slash + 1]], slash + 2
    if size == 0 or size == 6 and not (HEX[p[hex]] and HEX[p[hex + 1]] and HEX[p[hex + 2]] and HEX[p[hex + 3]]) then
      fail("invalid_json")
    end
    local after = slash + size
    if close < after then close = find(s, '"', after, true) or fail("invalid_json") end
    slash = find(s, "\\", after, true) or math.huge
  end
  characters(p, i + 1, close - 1)
  return close, escapes
end

local function digits(p, i)
  local from = i
  while p[i] >= 48 and p[i] <= 57 do i = i + 1 end
  return i > from and i or fail("invalid_json")
end

local function number(p, i)
  if p[i] == 45 then i = i + 1 end
  if p[i] == 48 then i = i + 1 else i = digits(p, i) end
  if p[i] == 46 then i = digits(p, i + 1) end
  if bor(p[i], 32) == 101 then
    i = i + 1
    if p[i] == 43 or p[i] == 45 then i = i + 1 end
    i = digits(p, i)
  end
  return i
end

-- The position behind a value that is no container.
local function scalar(s, p, i)
  local c = p[i]
  if c == QUOTE then return text(s, p, i) + 1 end
  if c == 116 and sub(s, i, i + 3) == "true" then return i + 4 end
  if c == 102 and sub(s, i, i + 4) == "false" then return i + 5 end
  if c == 110 and sub(s, i, i + 3) == "null" then return i + 4 end
  return number(p, i)
end

-- A string as it reads without its escapes. What is not ASCII need not be told apart, but for the two letters below.
local function plain(raw)
  return (gsub(raw, "\\(.)(%x?%x?%x?%x?)", function(c, rest)
    if c ~= "u" then return (c:match('["\\/]') or "\0") .. rest end
    local code = tonumber(rest, 16) or 0x110000
    return code < 128 and char(code) or code == 0x17F and "\197\191" or code == 0x212A and "\226\132\170" or "\255"
  end))
end

-- The name of a member, as those parsers read it that ignore case (Go's, to which U+017F is an s and U+212A a k).
local function folded(name)
  return (gsub(gsub(lower(name), "\197\191", "s"), "\226\132\170", "k"))
end

-- Whether an address is https:// and then a public host by its name. What a name leads to is not known here.
local function public(raw)
  if #raw > MAX_ADDRESS then return false end
  local host, rest = lower(plain(raw)):match("^https://([a-z0-9.-]+)(.*)$")
  rest = rest and (rest:match("^:%d+(.*)$") or rest)
  if not host or not find(rest, "^[/?#]") and rest ~= "" or find(host, "..", 1, true) then return false end
  local last = host:match("^[a-z0-9-].*%.([a-z][a-z0-9-]*)%.?$") -- a number there is one in an address: 127.1, 10.0x1
  return last ~= nil and not PRIVATE[last]
end

-- A number for the ring that says where a prompt was probably seen before.
local function hash(p, from, to)
  local h = 5381
  for i = from, math.min(to, from + PREFIX_BYTES - 1) do h = bxor(tobit(h * 33), p[i]) end
  return h
end

-- A new span for a member that may be there once and in one spelling only, nil for one that is of no interest.
local function once(spans, name, names)
  local meant = folded(name)
  if REFUSED[meant] then fail("unsupported_parameter", meant) end
  if not names[meant] then return nil end
  if meant ~= name then fail("ambiguous_parameter", meant) end
  if spans[name] then fail("duplicate_parameter", name) end
  spans[name] = {}
  return spans[name]
end

-- Reads a member's name and the colon behind it, notes what is of interest, and returns where the value begins.
local function member(s, p, i, depth, r)
  if p[i] ~= QUOTE then fail("invalid_json") end
  local close, escapes = text(s, p, i)
  local span
  if depth == 1 or r.top == "stream_options" or r.top == r.prompt then
    local name = sub(s, i + 1, close - 1)
    if escapes then name = plain(name) end
    if depth == 1 then
      r.top, r.url = name, false
      span = once(r.spans, name, GUARDED)
    elseif r.top == r.prompt then
      if MEDIA[name] then r.media = r.media + 1 end
      r.url = name == "url" or MEDIA[name]
    elseif depth == 2 then
      span = once(r.spans, name, OPTIONS)
    end
  end
  i = space(p, close + 1)
  if p[i] ~= COLON then fail("invalid_json") end
  i = space(p, i + 1)
  if span then
    span[1] = i
    r.open[depth] = span
  end
  return i
end

-- Walks over the whole document and notes the spans {first, last} of values.
local function walk(s, r)
  local p = ffi.cast(BYTES, s) - 1
  local ends, open, depth, i = {}, r.open, 0, space(p, 1)
  slash, checks = 0, MAX_CHECKS
  if p[i] ~= OBJECT then fail("invalid_json") end
  while true do -- a value begins at i
    local c = p[i]
    if depth == 2 and ends[2] == ARRAY + 2 and r.top == r.prompt then
      if c == 45 or c >= 48 and c <= 57 then r.tokens = 1 else r.items = r.items + 1 end
    end
    if c == OBJECT or c == ARRAY then
      depth = depth + 1
      if depth > MAX_DEPTH then fail("too_deep") end
      ends[depth] = c + 2
      i = space(p, i + 1)
      if p[i] ~= c + 2 then
        if c == OBJECT then i = member(s, p, i, depth, r) end
        goto continue
      end
    else
      local from = i
      i = scalar(s, p, i)
      if r.url and c == QUOTE and sub(s, from + 1, from + 5) ~= "data:" then
        r.remote = r.remote + 1
        r.private = r.private or r.remote > MAX_REMOTE or not public(sub(s, from + 1, i - 2))
      end
    end
    local last = i - 1
    i = space(p, i)
    while true do -- a value ends at last, and perhaps its container at i
      if open[depth] then
        open[depth][2] = last
        open[depth] = nil
      end
      if p[i] ~= ends[depth] then break end
      depth = depth - 1
      last = i
      i = space(p, i + 1)
    end
    if depth == 0 then break end
    if p[i] ~= COMMA then fail("invalid_json") end
    i = space(p, i + 1)
    if ends[depth] == OBJECT + 2 then i = member(s, p, i, depth, r) end
    ::continue::
  end
  if i ~= #s + 1 then fail("invalid_json") end
  return p
end

-- A member's value: "null" counts as left out.
local function value(s, r, name)
  local span = r.spans[name]
  local raw = span and sub(s, span[1], span[2])
  return raw ~= "null" and raw or nil
end

local function boolean(raw, name)
  if raw and raw ~= "true" and raw ~= "false" then fail("invalid_type", name) end
  return raw == "true"
end

local function count(s, r, name, least)
  local raw = value(s, r, name)
  if not raw then return nil end
  if find(raw, "[^%d]") then fail(tonumber(raw) and "invalid_value" or "invalid_type", name) end
  local number = tonumber(raw)
  if number < least or number > COUNTS[name] then fail("invalid_value", name) end
  return number
end

-- A name as it may stand in a header and between quotes; nobody serves a model of any other name.
local function model(s, r)
  local raw = value(s, r, "model")
  if not raw then fail("missing_parameter", "model") end
  if find(raw, '^"') == nil then fail("invalid_type", "model") end
  local name = plain(sub(raw, 2, -2))
  return #name <= 256 and find(name, "^[!-~]+$") and not find(name, '["\\]') and name or "?"
end

local PROMPTS = {messages = "^%[", prompt = '^[%["]', input = '^[%["]'}

-- Reads a body whose prompt is in the member `prompt`. Raises {code, param} for what an engine may refuse or read in
-- another way than the gateway.
local function scan(s, prompt)
  local r = {prompt = prompt, spans = {}, open = {}, media = 0, remote = 0, private = false}
  r.items, r.tokens = 0, 0
  local p = walk(s, r)
  r.first = find(s, '"', 1, true)
  r.model = model(s, r)
  r.stream = boolean(value(s, r, "stream"), "stream")
  if find(value(s, r, "stream_options") or "{", "^[^{]") then fail("invalid_type", "stream_options") end
  for name in pairs(OPTIONS) do boolean(value(s, r, name), name) end
  local a, b = count(s, r, "max_tokens", 0), count(s, r, "max_completion_tokens", 0)
  r.bound = (a or b) and math.max(a or 0, b or 0)
  r.n = math.max(count(s, r, "n", 1) or 1, count(s, r, "best_of", 1) or 1)
  local span = r.spans[prompt] or fail("missing_parameter", prompt)
  if not find(sub(s, span[1], span[1]), PROMPTS[prompt]) then fail("invalid_type", prompt) end
  r.prompt_bytes = span[2] - span[1] + 1
  -- Each text or list of tokens is one prompt, tokens beside them are one together: never less than an engine makes of it.
  r.prompts = prompt == "messages" and 1 or math.max(1, r.items + r.tokens)
  r.hash = hash(p, span[1], span[2])
  return r
end
