-- Says of a refusal by the deny list which budget is used up, and for how long. The list has that in the name of a rule,
-- and Envoy tells it to filters only, not to the texts of its own answers.

local function spent(h, headers)
  local denial = h:streamInfo():dynamicMetadata():get("envoy.filters.http.rbac")
  if not denial or denial.enforced_effective_policy_id ~= "budget" then return end
  local ends, name = (denial.shadow_effective_policy_id or ""):match("^(%d+) ([%w-]*)$")
  if not ends then return end
  headers:replace("retry-after", ("%d"):format(math.max(1, ends - math.floor(h:timestamp() / 1000))))
  local body = h:body()
  local text = body:getBytes(0, body:length())
  local from, to = text:find("The budget", 1, true)
  if not from or name == "" then return end
  local told = text:sub(1, to) .. ' \\"' .. name .. '\\"' .. text:sub(to + 1)
  h:headers():replace("content-length", ("%d"):format(body:setBytes(told)))
end
