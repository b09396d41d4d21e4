-- What is done with a request before its route is chosen, and right after.

local OPERATIONS = {
  ["/v1/chat/completions"] = {name = "chat", prompt = "messages", bound = "max_completion_tokens"},
  ["/v1/completions"] = {name = "completions", prompt = "prompt", bound = "max_tokens"},
  ["/v1/embeddings"] = {name = "embeddings", prompt = "input"},
}
for path, operation in pairs(OPERATIONS) do operation.path = path:sub(#"/v1" + 1) end
local PER_TRY = "x-envoy-upstream-rq-per-try-timeout-ms" -- the router takes it from here rather than from the route
local BYTES_PER_TOKEN = 4 -- of English text; limits per minute count so before an engine has said its own figure
-- No value of these has a quote or a backslash: see `model` in scan.lua, and ids are made of names of Kubernetes.
local RECORD = '{"client":"%s","model":"%s","operation":"%s","stream":%s,'
  .. '"bound":%d,"n":%d,"prompt_bytes":%d,"media":%d,"prompts":%d,"body_bytes":%d%s}'
local CLASS, CONVERSATION = "x-paceline-request-class", "x-paceline-conversation-id"
local LONGEST_CLASS, LONGEST_CONVERSATION = 63, 128
local MOST_TOKENS = 1e9 -- the proxy takes a larger figure for none at all
local WORDS = {
  invalid_json = "The body must be one JSON object, and what is in it valid JSON.",
  invalid_utf8 = "The body must be UTF-8.",
  too_deep = "The body is nested too deeply.",
  duplicate_parameter = "A parameter may be given only once: ",
  ambiguous_parameter = "A parameter must be spelled in lower case: ",
  unsupported_parameter = "A parameter is not supported: ",
  missing_parameter = "A parameter is missing: ",
  invalid_type = "A parameter has the wrong type: ",
  invalid_value = "A parameter is out of its range: ",
  unsupported_prompt = "This model takes a prompt only as one string.",
  remote_media = "This model takes images and other media only as data: URLs.",
  media_address = "Images and other media must be data: URLs, or at most 256 https:// URLs with a public host's name.",
  invalid_header = "A header is not what it may be: ",
  purpose_required = "A reviewer's requests must say that they are reviews: send x-paceline-purpose: review.",
  method_not_allowed = "This is asked with POST.",
  unsupported_media_type = "The body must be application/json, and not compressed.",
}

-- Ends the request with an error in the OpenAI form, which the proxy's local_reply_config puts around the words.
local function refuse(h, status, code, param)
  h:streamInfo():dynamicMetadata():set("paceline", "error", {code = code, param = param})
  h:respond({[":status"] = status}, WORDS[code] .. (param or ""))
end

-- Adds the edits that a route asks for: a bound of the output where there is none, its prompt before the client's.
local function for_route(s, r, operation, bound, prompt, edits)
  if bound and operation.bound and not r.bound then
    local name, text = operation.bound, ("%d"):format(bound)
    local null = r.spans[name]
    edits[#edits + 1] = null and {null[1], null[2], text} or {r.first, r.first - 1, '"' .. name .. '":' .. text .. ","}
  end
  if prompt then
    local at = r.spans[operation.prompt][1]
    if s:sub(at, at) == "[" then
      if operation.name ~= "chat" then error({code = "unsupported_prompt"}, 0) end
      if not s:find("^%s*%]", at + 1) then prompt = prompt .. "," end
    end
    edits[#edits + 1] = {at + 1, at, prompt}
  end
end

-- What the chain behind and the records need to know. Headers steer routes, limits and balancing and are gone before a
-- server sees the request; dynamic metadata stays. It is one text because a structure costs several us more.
local function tell(h, headers, r, operation, bound, size, asked, said)
  local tokens = math.min(math.ceil(r.prompt_bytes / BYTES_PER_TOKEN) + bound * r.n * r.prompts, MOST_TOKENS)
  headers:replace("x-pl-hash", ("%d"):format(r.hash))
  headers:replace("x-pl-tokens", ("%d"):format(tokens))
  local client, stream = headers:get("x-pl-client") or "", tostring(r.stream)
  local record = RECORD:format(
    client, r.model, operation.name, stream, bound, r.n, r.prompt_bytes, r.media, r.prompts, size, said)
  h:streamInfo():dynamicMetadata():set("paceline", "request", record)
  if asked then headers:replace("x-pl-request", record) end -- for whoever is asked for admission
end

-- What spans say of a request, under the names that tracing.py gives them.
local function span(h, namespace, r, operation, bound)
  local metadata = h:streamInfo():dynamicMetadata()
  metadata:set(namespace, "operation", operation.name == "completions" and "text_completion" or operation.name)
  metadata:set(namespace, "model", r.model)
  metadata:set(namespace, "client", h:headers():get("x-pl-client") or "")
  metadata:set(namespace, "choices", ("%d"):format(r.n))
  if bound > 0 then metadata:set(namespace, "max_tokens", ("%d"):format(bound)) end
end

-- Where in the changed body is what each server gets its own way: see upstream.lua.
local function places(h, r, operation, edits)
  local text = {operation.path, r.stream and "1" or "0"}
  for _, name in ipairs({"model", "stream_options", "include_usage", "continuous_usage_stats"}) do
    local span = r.spans[name]
    local by = span and shift(edits, span[1])
    text[#text + 1] = span and ("%d %d"):format(span[1] + by, span[2] + by) or "0 0"
  end
  h:streamInfo():dynamicMetadata():set("paceline.places", "at", table.concat(text, " "))
end

-- A header that only trusted policies may send; it is taken away from others, and nobody learns that there was one.
local function believed(headers, name, trusted, pattern, most)
  local value = headers:get(name)
  if not value then return nil end
  if not trusted then headers:remove(name) return nil end
  if #value > most or not value:find(pattern) then error({code = "invalid_header", param = name}, 0) end
  headers:replace(name, value) -- of several the first
  return value
end

-- What a client says of a request beside the body, for the records.
local function said(h, headers, policy)
  if not (headers:get(CLASS) or headers:get(CONVERSATION)) then return "" end
  local trusted = h:virtualHost():metadata():get(policy) or {}
  local class = believed(headers, CLASS, trusted.class, "^[a-z][a-z0-9-]*$", LONGEST_CLASS)
  local conversation = believed(
    headers, CONVERSATION, trusted.conversation, "^[%w._:~/+=@-]+$", LONGEST_CONVERSATION)
  return (class and ',"class":"' .. class .. '"' or "")
    .. (conversation and ',"conversation":"' .. conversation .. '"' or "")
end

-- Reads the body, lets the model choose the route, and changes the body as the route wants it.
local function handle(h, operation)
  local body = h:body(true) -- waits for it, and what was had of the handle before is void then
  local headers = h:headers()
  local s = body:length() > 0 and body:getBytes(0, body:length()) or ""
  local r = scan(s, operation.prompt)
  headers:replace("x-pl-model", r.model)
  local policy = (headers:get("x-pl-client") or ""):match("^[^.]*%.[^.]*") or ""
  headers:replace("x-pl-policy", policy)
  local more = said(h, headers, policy)
  h:clearRouteCache()
  local route = h:metadata()
  if r.remote > 0 and not route:get("remote_media") then error({code = "remote_media"}, 0) end
  if r.private then error({code = "media_address"}, 0) end
  local bound, model = route:get("bound"), route:get("model")
  local most, namespace = r.bound or operation.bound and bound or 0, h:filterContext():get("span")
  tell(h, headers, r, operation, most, #s, route:get("asked"), more)
  if namespace then span(h, namespace, r, operation, most) end
  local edits = model and for_server(s, r.spans, r.stream, model, route:get("usage")) or {}
  for_route(s, r, operation, bound, route:get(operation.prompt), edits)
  if not model then places(h, r, operation, edits) end
  if edits[1] then headers:replace("content-length", body:setBytes(splice(s, edits))) end
  if operation.bound and not r.stream then
    -- The first byte of an answer that is no stream comes with its last, so it may take as long as the whole.
    headers:replace(PER_TRY, ("%d"):format((route:get("timeout") or 0) * 1000))
  end
  return #s
end

function envoy_on_request(h)
  local headers = h:headers()
  local reviewer = (headers:get("x-pl-client") or ""):find("^reviewer%.") -- what client ids begin with is the audience
  if reviewer and headers:get("x-paceline-purpose") ~= "review" then return refuse(h, "403", "purpose_required") end
  local operation = OPERATIONS[(headers:get(":path") or ""):match("^[^?]*")]
  if not operation then return headers:replace("x-pl-tokens", "0") end
  if headers:get(":method") ~= "POST" then return refuse(h, "405", "method_not_allowed") end
  local kind = (headers:get("content-type") or ""):lower()
  if headers:get("content-encoding") or not (kind .. ";"):find("^application/json%s*;") then
    return refuse(h, "415", "unsupported_media_type")
  end
  local ok, problem = pcall(handle, h, operation)
  if ok then return clean(problem) end
  if type(problem) == "table" then return refuse(h, "400", problem.code, problem.param) end
  h:logErr(problem)
  h:respond({[":status"] = "500"}, "The request could not be read.")
end
