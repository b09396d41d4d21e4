-- Changes spans of a text and leaves every other byte as it was.

-- edits are {first, last, text} in the order of their places; {i, i - 1, text} puts a text before i.
local function splice(s, edits)
  local parts, from = {}, 1
  for _, edit in ipairs(edits) do
    parts[#parts + 1] = s:sub(from, edit[1] - 1)
    parts[#parts + 1] = edit[3]
    from = edit[2] + 1
  end
  parts[#parts + 1] = s:sub(from)
  return table.concat(parts)
end

local function in_order(edits)
  table.sort(edits, function(a, b) return a[1] < b[1] end)
  return edits
end

-- Where the span, which no edit touches, is after them.
local function moved(edits, span)
  local by = 0
  for _, edit in ipairs(edits) do
    if edit[1] <= span[1] then by = by + #edit[3] - (edit[2] - edit[1] + 1) end
  end
  return {span[1] + by, span[2] + by}
end
