-- What each server gets its own way, for every attempt: the name of the model, the path, and the options by which a
-- stream says what it used. `places` are those of the request as it was read once, so nothing is looked for again.

local ALL = {Final = {"include_usage"}, Continuous = {"include_usage", "continuous_usage_stats"}, Silent = {}}

-- The changes by which stream_options asks for usage, whether it is there or not.
local function asked(s, at, names)
  local edits, missing = {}, {}
  for _, name in ipairs(names) do
    local span = at[name]
    if span then edits[#edits + 1] = {span[1], span[2], "true"} else missing[#missing + 1] = '"' .. name .. '":true' end
  end
  local list, place = table.concat(missing, ","), at.stream_options
  if not place then
    edits[#edits + 1] = {at.model[2] + 1, at.model[2], ',"stream_options":{' .. list .. "}"}
  elseif s:sub(place[1], place[1]) ~= "{" then
    edits[#edits + 1] = {place[1], place[2], "{" .. list .. "}"}
  elseif list ~= "" then
    if not s:find("^%s*}", place[1] + 1) then list = list .. "," end
    edits[#edits + 1] = {place[1] + 1, place[1], list}
  end
  return edits
end

local function rewrite(h)
  local body = h:body() -- waits for it, and what was had of the handle before is void then
  local headers, server = h:headers(), h:filterContext()
  local path, host, model, usage = server:get("path"), server:get("host"), server:get("model"), server:get("usage")
  local at = h:streamInfo():dynamicMetadata():get("paceline.places").at
  headers:replace(":path", path .. at.path)
  if host then headers:replace(":authority", host) end
  local names = at.stream and ALL[usage] or {}
  if not names[1] and body:getBytes(at.model[1] - 1, at.model[2] - at.model[1] + 1) == model then return end
  local s = body:getBytes(0, body:length())
  local edits = names[1] and asked(s, at, names) or {}
  edits[#edits + 1] = {at.model[1], at.model[2], model}
  headers:replace("content-length", body:setBytes(splice(s, in_order(edits))))
end

function envoy_on_request(h)
  local ok, problem = pcall(rewrite, h)
  if ok then return end
  h:logErr(tostring(problem))
  h:respond({[":status"] = "500"}, "The request could not be passed on.")
end
