-- Changes spans of a body and leaves every other byte as it was. An edit is {first, last, text}; {i, i - 1, text} puts
-- a text before i.

-- Collecting at twice the memory in use, the default, means at every body of some size: 0.3 ms each.
collectgarbage("setpause", 400)
local LARGE = 1048576

-- Lets go of what a large body left: bodies are bounded, but many of them at once would not be.
local function clean(size)
  if size > LARGE then collectgarbage() end
end

local function in_order(edits)
  if edits[2] then table.sort(edits, function(a, b) return a[1] < b[1] end) end
  return edits
end

local function splice(s, edits)
  local parts, from = {}, 1
  for _, edit in ipairs(in_order(edits)) do
    parts[#parts + 1] = s:sub(from, edit[1] - 1)
    parts[#parts + 1] = edit[3]
    from = edit[2] + 1
  end
  parts[#parts + 1] = s:sub(from)
  return table.concat(parts)
end

-- How far the edits move what is at i, which none of them touches.
local function shift(edits, i)
  local by = 0
  for _, edit in ipairs(edits) do
    if edit[1] <= i then by = by + #edit[3] - (edit[2] - edit[1] + 1) end
  end
  return by
end

local OPTIONS_OF = {Silent = {}, Final = {"include_usage"}, Continuous = {"include_usage", "continuous_usage_stats"}}

-- The edits by which a body names the model that a server knows and, for a stream, asks for its tokens. `spans` has
-- those of model, stream_options and the options in it, as far as they are there.
local function for_server(s, spans, stream, model, usage)
  local edits, missing, place = {}, {}, spans.stream_options
  if s:sub(spans.model[1], spans.model[2]) ~= model then edits[1] = {spans.model[1], spans.model[2], model} end
  local names = stream and OPTIONS_OF[usage] or {}
  for _, name in ipairs(names) do
    local span = spans[name]
    if span then edits[#edits + 1] = {span[1], span[2], "true"} else missing[#missing + 1] = '"' .. name .. '":true' end
  end
  if not missing[1] then return edits end
  local list = table.concat(missing, ",")
  if not place then
    edits[#edits + 1] = {spans.model[2] + 1, spans.model[2], ',"stream_options":{' .. list .. "}"}
  elseif s:sub(place[1], place[1]) ~= "{" then
    edits[#edits + 1] = {place[1], place[2], "{" .. list .. "}"}
  else
    edits[#edits + 1] = {place[1] + 1, place[1], s:find("^%s*}", place[1] + 1) and list or list .. ","}
  end
  return edits
end
