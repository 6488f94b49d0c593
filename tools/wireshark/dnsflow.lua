-- What dnsflow sensors send, for Wireshark and tshark: versions 0 to 5 of the protocol, as docs/protocol.md has them.
--
-- Copy this file into the personal Lua plugins folder (Wireshark: Help, About, Folders), or name it:
--
--     tshark -X lua_script:dnsflow.lua -r export.pcap -O dnsflow
--
-- UDP port 5300; the preference dnsflow.port has others. It runs on Lua 5.1 to 5.4, which Wireshark has had: there are
-- no operators on bits and no integer division, and what may be above 2^53 is a UInt64.

local unpack = table.unpack or unpack

local dnsflow = Proto("dnsflow", "dnsflow, records of DNS responses")

-- Sizes in bytes.
local OLD_HEADER = 8
local HEADER = 32
local MAX_LABEL = 63
local MAX_NAME = 255
local MAX_COUNTER_NAME = 63
local MAX_SENSOR_NAME = 63
local MAX_INTERFACE = 15
-- Other limits.
local MAX_POINTERS = 127
local MAX_RCODE = 4095
local MAX_ORIGIN = 255
-- Class of a question for any.
local CLASS_ANY = 255
-- Values of a record in its line of text.
local MAX_SHOWN = 8

local TYPES = {
  [1] = "A", [2] = "NS", [5] = "CNAME", [6] = "SOA", [12] = "PTR", [13] = "HINFO", [15] = "MX", [16] = "TXT",
  [17] = "RP", [18] = "AFSDB", [24] = "SIG", [25] = "KEY", [28] = "AAAA", [29] = "LOC", [33] = "SRV", [35] = "NAPTR",
  [36] = "KX", [37] = "CERT", [39] = "DNAME", [43] = "DS", [44] = "SSHFP", [46] = "RRSIG", [47] = "NSEC",
  [48] = "DNSKEY", [50] = "NSEC3", [51] = "NSEC3PARAM", [52] = "TLSA", [53] = "SMIMEA", [59] = "CDS",
  [60] = "CDNSKEY", [61] = "OPENPGPKEY", [64] = "SVCB", [65] = "HTTPS", [99] = "SPF", [108] = "EUI48",
  [109] = "EUI64", [249] = "TKEY", [250] = "TSIG", [251] = "IXFR", [252] = "AXFR", [255] = "ANY", [256] = "URI",
  [257] = "CAA",
}
local CLASSES = { [1] = "IN", [3] = "CH", [4] = "HS", [254] = "NONE", [255] = "ANY" }
local RCODES = {
  [0] = "NOERROR", [1] = "FORMERR", [2] = "SERVFAIL", [3] = "NXDOMAIN", [4] = "NOTIMP", [5] = "REFUSED",
  [6] = "YXDOMAIN", [7] = "YXRRSET", [8] = "NXRRSET", [9] = "NOTAUTH", [10] = "NOTZONE", [11] = "DSOTYPENI",
  [16] = "BADVERS", [17] = "BADKEY", [18] = "BADTIME", [19] = "BADMODE", [20] = "BADNAME", [21] = "BADALG",
  [22] = "BADTRUNC", [23] = "BADCOOKIE",
}
local QUESTIONS = { [0] = "A, class IN", [1] = "AAAA, class IN", [2] = "Type and class are there", [3] = "None" }
local KINDS = {
  [0] = "Invalid", [1] = "A", [2] = "AAAA", [3] = "CNAME", [4] = "Other", [5] = "Other, without RDATA",
  [6] = "Unknown", [7] = "Unknown",
}
local FAMILIES = { [1] = "IPv4", [2] = "IPv6" }

-- Fields by filter name, without "dnsflow.".
local F = {}
local fields = {}
local function field(kind, name, ...)
  F[name] = ProtoField[kind]("dnsflow." .. name, ...)
  table.insert(fields, F[name])
end

field("uint8", "version", "Version")
field("uint16", "flags", "Flags", base.HEX)
field("bool", "flags.stats", "Statistics", 16, nil, 0x0001)
field("uint64", "sequence", "Sequence number")
field("uint16", "count", "Records or counters")
field("uint16", "hdr_len", "Header length, in bytes")
field("uint16", "core", "Core")
field("uint64", "boot", "Boot", base.HEX)
field("absolute_time", "time", "Time", base.UTC)
field("none", "part", "Header part")
field("uint8", "part.type", "Type")
field("uint8", "part.length", "Length")
field("bytes", "part.value", "Value")
field("string", "sensor", "Sensor")
field("uint32", "sampling", "Sampling: kept 1 packet of")
field("string", "program_version", "Version of the program")
field("bytes", "padding", "Padding")
field("bytes", "lost", "Not read")

-- Of records and sets of all versions, hidden: to filter by.
field("ipv4", "addr", "Any IPv4 address")
field("ipv6", "addr6", "Any IPv6 address")
field("string", "name", "Any name")

field("none", "record", "Record")
field("uint16", "record.length", "Length")
field("uint8", "record.form", "Form", base.HEX)
field("bool", "record.form.ipv6", "Client over IPv6", 8, nil, 0x80)
field("uint8", "record.transport", "Transport", base.DEC, { [0] = "UDP", [1] = "TCP" }, 0x40)
field("bool", "record.incomplete", "End of the message is missing", 8, nil, 0x20)
field("bool", "record.continued", "Continues the record before", 8, nil, 0x10)
field("bool", "record.more", "More in the next record", 8, nil, 0x08)
field("bool", "record.form.rcode", "RCODE is there", 8, nil, 0x04)
field("uint8", "record.question", "Question", base.DEC, QUESTIONS, 0x03)
field("uint8", "record.flags", "Flags", base.HEX)
field("bool", "record.flags.aa", "Authoritative answer", 8, nil, 0x40)
field("bool", "record.flags.tc", "Truncated", 8, nil, 0x20)
field("bool", "record.flags.rd", "Recursion desired", 8, nil, 0x10)
field("bool", "record.flags.ra", "Recursion available", 8, nil, 0x08)
field("bool", "record.flags.z", "Reserved (Z)", 8, nil, 0x04)
field("bool", "record.flags.ad", "Authentic data", 8, nil, 0x02)
field("bool", "record.flags.cd", "Checking disabled", 8, nil, 0x01)
field("absolute_time", "record.time", "Time", base.UTC)
field("int64", "record.time_offset", "Microseconds after the header's time")
field("ipv4", "record.client", "Client")
field("ipv6", "record.client6", "Client")
field("uint16", "record.client_port", "Client port")
field("uint8", "record.origin", "Origin")
field("uint8", "record.origin.number", "Number of this origin")
field("uint8", "record.origin.length", "Length")
field("uint8", "record.origin.form", "Form", base.HEX)
field("bytes", "record.origin.unknown", "Unknown fields")
field("ipv4", "record.resolver", "Resolver")
field("ipv6", "record.resolver6", "Resolver")
field("uint16", "record.resolver_port", "Resolver port")
field("string", "record.interface", "Interface")
field("uint16", "record.vlan", "VLAN")
field("uint16", "record.inner_vlan", "Inner VLAN")
field("uint32", "record.vni", "VNI")
field("uint16", "record.rcode", "RCODE", base.DEC, RCODES)
field("string", "record.name", "Name")
field("uint16", "record.type", "Type", base.DEC, TYPES)
field("uint16", "record.class", "Class", base.DEC, CLASSES)
field("none", "record.answer", "Answers")
field("uint8", "record.answer.kind", "Kind", base.DEC, KINDS, 0xe0)
field("bool", "record.answer.has_owner", "Owner is there", 8, nil, 0x10)
field("uint8", "record.answer.count", "Count", base.DEC, nil, 0x0f)
field("string", "record.answer.owner", "Owner")
field("uint16", "record.answer.type", "Type", base.DEC, TYPES)
field("uint16", "record.answer.class", "Class", base.DEC, CLASSES)
field("uint32", "record.answer.ttl", "TTL, in seconds")
field("ipv4", "record.answer.a", "Address")
field("ipv6", "record.answer.aaaa", "Address")
field("string", "record.answer.cname", "Target")
field("uint64", "record.answer.length", "Length")
field("bytes", "record.answer.rdata", "RDATA")
field("bytes", "record.answer.unknown", "Unknown")
field("none", "record.part", "Part")
field("uint8", "record.part.type", "Type")
field("uint64", "record.part.length", "Length")
field("bytes", "record.part.value", "Value")
field("string", "record.subnet", "Client subnet")
field("uint16", "record.subnet.family", "Family", base.DEC, FAMILIES)
field("uint8", "record.subnet.source_prefix", "Source prefix length")
field("uint8", "record.subnet.scope_prefix", "Scope prefix length")
field("bytes", "record.subnet.address", "Address")
field("bytes", "record.left", "Bytes left in the record")

-- Fields of counters that have one of their own. All have their name and their value.
local COUNTERS = {}
for _, name in ipairs({
  "uptime", "captured", "received", "dropped", "ifdropped", "rebuilt", "exported", "sets", "datagrams",
}) do
  field("uint64", "stats." .. name, name)
  COUNTERS[name] = "stats." .. name
end
field("uint64", "stats.counter", "Counter")
field("string", "stats.name", "Name")
field("uint64", "stats.value", "Value")

field("none", "set", "Set")
field("uint8", "set.ip_version", "IP version")
field("uint8", "set.names_count", "Names")
field("uint8", "set.ips_count", "IPv4 addresses")
field("uint8", "set.ip6s_count", "IPv6 addresses")
field("uint16", "set.names_len", "Length of names, in bytes")
field("uint16", "set.zero", "Zero")
field("ipv4", "set.client", "Client")
field("ipv6", "set.client6", "Client")
field("ipv4", "set.resolver", "Resolver")
field("ipv6", "set.resolver6", "Resolver")
field("string", "set.names", "Name")
field("bytes", "set.padding", "Padding")
field("ipv4", "set.ips", "Address")
field("ipv6", "set.ip6s", "Address")
dnsflow.fields = fields

local function notice(name, text, group, severity)
  return ProtoExpert.new("dnsflow." .. name, text, expert.group[group], expert.severity[severity])
end
local E = {
  malformed = notice("malformed", "Malformed", "MALFORMED", "ERROR"),
  unexpected = notice("unexpected", "Against the specification", "PROTOCOL", "WARN"),
  unknown = notice("unknown", "Unknown, skipped", "UNDECODED", "NOTE"),
  cut = notice("cut", "Cut in the capture", "UNDECODED", "NOTE"),
}
dnsflow.experts = { E.malformed, E.unexpected, E.unknown, E.cut }

-- Ends what is being read: the datagram, or a record.
local function refuse(text, ...)
  error({ refused = string.format(text, ...) }, 0)
end

-- Calls a function, and gives false and the reason if it has refused what it was to read.
local function reads(work, ...)
  local is_read, problem = pcall(work, ...)
  if is_read then
    return true
  end
  if type(problem) ~= "table" or not problem.refused then
    error(problem, 0)
  end
  return false, problem.refused
end

-- Names are escaped as dnsflow-read does.
local ESCAPES = {}
for byte = 0, 255 do
  local letter = string.char(byte)
  if byte < 0x21 or byte > 0x7e or letter:find("[.,|\\]") then
    ESCAPES[letter] = string.format("\\%03d", byte)
  end
end

local function escaped(label)
  return (label:gsub(".", ESCAPES))
end

local function joined(labels)
  return #labels == 0 and "." or table.concat(labels, ".")
end

local function listed(values)
  local shown = {}
  for index = 1, math.min(#values, MAX_SHOWN) do
    shown[index] = values[index]
  end
  if #values > MAX_SHOWN then
    shown[MAX_SHOWN + 1] = string.format("and %d more", #values - MAX_SHOWN)
  end
  return table.concat(shown, ", ")
end

-- An address of 16 bytes; those that are missing are 0.
local function ipv6_of(octets)
  local groups = {}
  for index = 1, 16, 2 do
    groups[#groups + 1] = (octets[index] or 0) * 256 + (octets[index + 1] or 0)
  end
  return Address.ipv6(string.format("%x:%x:%x:%x:%x:%x:%x:%x", unpack(groups)))
end

-- A place in a datagram, which moves behind what is read. Nothing is read at `stop` or behind it.
local Reader = {}
Reader.__index = Reader

local function reader_of(datagram, at, stop)
  return setmetatable({
    datagram = datagram, tvb = datagram.tvb, bytes = datagram.bytes, at = at, stop = stop,
  }, Reader)
end

-- The offset of the next bytes. `count` may be anything that a varint can be.
function Reader:take(count, what)
  local start = self.at
  if count > self.stop - start then
    refuse("offset %d: %s is cut: %.0f bytes are wanted, %d left", start, what, count, self.stop - start)
  end
  self.at = start + count
  return start
end

function Reader:byte(what)
  return self.bytes:byte(self:take(1, what) + 1)
end

function Reader:uint16(what)
  local high, low = self.bytes:byte(self:take(2, what) + 1, self.at)
  return high * 256 + low
end

-- A varint as a Lua number, exact below 2^53, and as the numbers of its lower and its upper 32 bits.
function Reader:varint(what)
  local start, low, high = self.at, 0, 0
  for group = 0, 9 do
    local byte = self:byte(what)
    local bits = byte % 128
    if group < 4 then
      low = low + bits * 2 ^ (7 * group)
    elseif group == 4 then
      low = low + bits % 16 * 2 ^ 28
      high = math.floor(bits / 16)
    elseif group < 9 or byte < 2 then
      high = high + bits * 2 ^ (7 * group - 32)
    else
      refuse("offset %d: %s is above 2^64 - 1", start, what)
    end
    if byte < 128 then
      return high * 2 ^ 32 + low, low, high
    end
  end
end

-- A name, its pointers followed. `what` is how errors call it.
function Reader:name(what)
  local bytes, known = self.bytes, self.datagram.labels
  local labels, places = {}, {}
  local at, length, pointers = self.at, 1, 0
  local behind
  while true do
    local first = at < self.stop and bytes:byte(at + 1)
    if not first then
      refuse("offset %d: %s runs past its end", at, what)
    end
    if not behind then
      table.insert(places, at)
    end
    if first >= 0xc0 then
      if at + 1 >= self.stop then
        refuse("offset %d: %s runs past its end", at, what)
      end
      local target = at - (first - 0xc0) * 256 - bytes:byte(at + 2)
      pointers = pointers + 1
      behind = behind or at + 2
      if target == at or target < self.datagram.first then
        refuse("offset %d: %s points to offset %d, where no name is", at, what, target)
      elseif pointers > MAX_POINTERS then
        refuse("offset %d: %s leads through more than %d pointers", self.at, what, MAX_POINTERS)
      elseif not known[target] then
        self.stray = string.format("offset %d: %s points to offset %d, where no name before has a label", at, what, target)
      end
      at = target
    elseif first > MAX_LABEL then
      refuse("offset %d: %s has a label of an unknown form, %d", at, what, first)
    elseif first == 0 then
      break
    else
      length = length + 1 + first
      if length > MAX_NAME then
        refuse("offset %d: %s has more than %d bytes", self.at, what, MAX_NAME)
      elseif at + 1 + first > self.stop then
        refuse("offset %d: %s runs past its end", at, what)
      end
      table.insert(labels, escaped(bytes:sub(at + 2, at + 1 + first)))
      at = at + 1 + first
    end
  end
  for _, place in ipairs(places) do
    known[place] = true
  end
  self.at = behind or at + 1
  return joined(labels)
end

-- Adds a field of the bytes from `start` to the reader's place.
function Reader:show(tree, name, start, ...)
  return tree:add(F[name], self.tvb(start, self.at - start), ...)
end

-- Adds a field of the next bytes.
function Reader:field(tree, name, count, what)
  local start = self:take(count, what)
  return self:show(tree, name, start), start
end

function Reader:text(tree, name, count, what)
  local start = self:take(count, what)
  if count > 0 then
    tree:add_packet_field(F[name], self.tvb(start, count), ENC_UTF_8)
  end
end

-- Adds an address and gives its text; `name` is the field of IPv4, and with a 6 behind it the one of IPv6.
function Reader:address(tree, name, is_ipv6, what)
  local count, suffix = 4, ""
  if is_ipv6 then
    count, suffix = 16, "6"
  end
  local _, start = self:field(tree, name .. suffix, count, what)
  return self:any_address(tree, start, is_ipv6), start
end

-- The text of an address, which can be found by from now on.
function Reader:any_address(tree, start, is_ipv6)
  local range = self.tvb(start, is_ipv6 and 16 or 4)
  tree:add(is_ipv6 and F.addr6 or F.addr, range):set_hidden()
  return tostring(is_ipv6 and range:ipv6() or range:ipv4())
end

-- Adds an IPv6 address that shares bytes at its front with the one before it, and gives its bytes and its text.
function Reader:ipv6_after(tree, before)
  local start = self.at
  local shared = self:byte("shared bytes of an address")
  if shared > 15 then
    refuse("offset %d: an address shares %d bytes, of 16", start, shared)
  end
  local at = self:take(16 - shared, "address")
  local raw = before.raw:sub(1, shared) .. self.bytes:sub(at + 1, self.at)
  local address = ipv6_of({ raw:byte(1, 16) })
  self:show(tree, "record.answer.aaaa", start, address)
  self:show(tree, "addr6", start, address):set_hidden()
  return { raw = raw, text = tostring(address) }
end

-- Adds a name, which can be found by from now on, and gives its text.
function Reader:shown_name(tree, name, what)
  local start = self.at
  local text = self:name(what)
  self:show(tree, name, start, text)
  self:show(tree, "name", start, text):set_hidden()
  if self.stray then
    tree:add_proto_expert_info(E.unexpected, self.stray)
    self.stray = nil
  end
  return text
end

function Reader:left()
  return self.stop - self.at
end

-- Adds a varint that has at most `limit`.
function Reader:number(tree, name, limit, what)
  local start = self.at
  local value, _, high = self:varint(what)
  if high > 0 or value > limit then
    refuse("offset %d: %s is above %.0f", start, what, limit)
  end
  self:show(tree, name, start, value)
  return value
end

-- Adds a varint that may have 64 bits, and gives it as a Lua number.
function Reader:long(tree, name, what)
  local start = self.at
  local value, low, high = self:varint(what)
  self:show(tree, name, start, UInt64.new(low, high))
  return value
end

local function is_zero(bytes, start, stop)
  return not bytes:sub(start + 1, stop):find("[^%z]")
end

-- Behind the last record: padding. Behind one that was refused: what is lost.
local function rest(reader, tree, problem, what, unread)
  local start = reader.at
  if problem then
    tree:add_proto_expert_info(E.malformed, problem)
    if reader:left() > 0 then
      local item = reader:field(tree, "lost", reader:left(), "what is lost")
      item:append_text(string.format(": %d %s", unread, what))
    end
  elseif reader:left() > 0 then
    local item = reader:field(tree, "padding", reader:left(), "padding")
    if not is_zero(reader.bytes, start, reader.stop) then
      item:add_proto_expert_info(E.unexpected, string.format("offset %d: padding is not 0", start))
    end
  end
end

-- Version 5 ---------------------------------------------------------------------------------------------------------

-- Seconds and microseconds of a UInt64 of microseconds.
local function divided(micros)
  return (micros / 1000000):tonumber(), (micros % 1000000):tonumber()
end

local function header_part(reader, tree)
  local start = reader.at
  local kind = reader:byte("header part")
  if kind == 0 then
    reader:take(reader:left(), "padding")
    local item = reader:show(tree, "padding", start)
    if not is_zero(reader.bytes, start, reader.stop) then
      item:add_proto_expert_info(E.unexpected, "padding of the header is not 0")
    end
    return
  end
  local count = reader:byte("length of a header part")
  reader:take(count, "header part")
  local part = reader:show(tree, "part", start)
  part:add(F["part.type"], reader.tvb(start, 1))
  part:add(F["part.length"], reader.tvb(start + 1, 1))
  reader.at = start + 2
  if kind == 1 then
    part:set_text("Header part: name of the sensor")
    reader:text(part, "sensor", count, "name of the sensor")
    if count < 1 or count > MAX_SENSOR_NAME then
      part:add_proto_expert_info(E.unexpected, string.format("name of the sensor has %d bytes", count))
    end
    reader.datagram.sensor = count > 0 and reader.tvb(start + 2, count):string(ENC_UTF_8) or nil
  elseif kind == 2 and count == 4 then
    part:set_text("Header part: sampling")
    reader:field(part, "sampling", count, "sampling")
  elseif kind == 3 then
    part:set_text("Header part: version of the program")
    reader:text(part, "program_version", count, "version of the program")
  else
    part:set_text(string.format("Header part of type %d", kind))
    if count > 0 then
      reader:field(part, "part.value", count, "header part")
    end
    if kind == 2 then
      part:add_proto_expert_info(E.unexpected, string.format("sampling rate has %d bytes, not 4", count))
    else
      part:add_proto_expert_info(E.unknown, string.format("header part of type %d", kind))
    end
  end
end

-- The reader is behind the version, and then behind the header.
local function header(reader, tree)
  local datagram = reader.datagram
  if reader.stop < HEADER then
    refuse("%d bytes are too few for a header of %d", reader.stop, HEADER)
  end
  local length = reader:byte("header words") * 4
  reader:show(tree, "hdr_len", 1, length)
  local flags = reader:field(tree, "flags", 2)
  flags:add(F["flags.stats"], reader.tvb(2, 2))
  reader:field(tree, "core", 2)
  reader:field(tree, "count", 2)
  reader:field(tree, "sequence", 8)
  reader:field(tree, "boot", 8)
  local at = reader:take(8)
  datagram.seconds, datagram.micros = divided(reader.tvb(at, 8):uint64())
  reader:show(tree, "time", at, NSTime.new(datagram.seconds, datagram.micros * 1000))
  if length < HEADER or length > reader.stop then
    refuse("offset 1: a header of %d bytes, in a datagram of %d", length, reader.stop)
  end
  local parts = reader_of(datagram, HEADER, length)
  while parts:left() > 0 do
    local is_read, problem = reads(header_part, parts, tree)
    if not is_read then
      tree:add_proto_expert_info(E.malformed, problem)
      break
    end
  end
  datagram.first = length
  reader.at = length
end

-- Adds the fields of an origin that was told before.
local function show_origin(reader, tree, origin, is_generated)
  for _, entry in ipairs(origin.fields) do
    local item
    if entry.value then
      item = tree:add(F[entry.name], reader.tvb(entry.start, entry.count), entry.value):set_generated()
    else
      item = tree:add_packet_field(F[entry.name], reader.tvb(entry.start, entry.count), entry.encoding)
    end
    if is_generated then
      item:set_generated()
    end
  end
  reader:any_address(tree, origin.start, origin.is_ipv6)
end

local function read_origin(reader, tree)
  local start = reader.at
  local count = reader:byte("length of an origin")
  reader:take(count, "origin")
  local inner = reader_of(reader.datagram, start + 1, reader.at)
  tree:add(F["record.origin.length"], reader.tvb(start, 1))
  local form = inner:byte("form of an origin")
  tree:add(F["record.origin.form"], reader.tvb(start + 1, 1))
  local function has(bit)
    return math.floor(form / 2 ^ bit) % 2 == 1
  end
  local origin = { is_ipv6 = has(0), fields = {} }
  local function keep(name, bytes, encoding)
    local at = inner:take(bytes, name)
    if bytes > 0 then
      table.insert(origin.fields, { name = "record." .. name, start = at, count = bytes, encoding = encoding or ENC_BIG_ENDIAN })
    end
    return at
  end
  origin.start = keep(origin.is_ipv6 and "resolver6" or "resolver", origin.is_ipv6 and 16 or 4)
  if has(1) then
    keep("resolver_port", 2)
  else
    table.insert(origin.fields, { name = "record.resolver_port", start = start + 1, count = 1, value = 53 })
  end
  if has(2) then
    local bytes = inner:byte("length of an interface")
    keep("interface", bytes, ENC_UTF_8)
    if bytes < 1 or bytes > MAX_INTERFACE then
      tree:add_proto_expert_info(E.unexpected, string.format("name of an interface has %d bytes", bytes))
    end
  end
  if has(3) then
    keep("vlan", 2)
  end
  if has(4) then
    keep("inner_vlan", 2)
  end
  if has(5) then
    keep("vni", 4)
  end
  show_origin(reader, tree, origin)
  if inner:left() > 0 then
    local item = inner:field(tree, "record.origin.unknown", inner:left())
    item:add_proto_expert_info(E.unknown, "fields of an origin")
  end
  return origin
end

local function origin(reader, tree)
  local datagram = reader.datagram
  local item, at = reader:field(tree, "record.origin", 1, "origin")
  local number = reader.bytes:byte(at + 1)
  if number >= 2 then
    local known = datagram.origins[number]
    if not known then
      refuse("offset %d: no origin before has number %d", at, number)
    end
    show_origin(reader, item, known, true)
    return
  end
  local told = read_origin(reader, item)
  item:set_len(reader.at - at)
  if number == 0 then
    item:set_text("Origin without a number")
    return
  end
  local next_number = #datagram.origins + 1
  if next_number > MAX_ORIGIN then
    item:add_proto_expert_info(E.unexpected, "all numbers of origins are used")
    return
  end
  datagram.origins[next_number] = told
  item:set_text(string.format("Origin, from here on number %d", next_number))
  item:add(F["record.origin.number"], reader.tvb(at, 1), next_number):set_generated()
end

local function type_name(number)
  return TYPES[number] or string.format("TYPE%d", number)
end

local function form_and_flags(reader, tree)
  local item, at = reader:field(tree, "record.form", 1, "form")
  for _, name in ipairs({
    "form.ipv6", "transport", "incomplete", "continued", "more", "form.rcode", "question",
  }) do
    item:add(F["record." .. name], reader.tvb(at, 1))
  end
  local flags, flags_at = reader:field(tree, "record.flags", 1, "flags")
  for _, name in ipairs({ "aa", "tc", "rd", "ra", "z", "ad", "cd" }) do
    flags:add(F["record.flags." .. name], reader.tvb(flags_at, 1))
  end
  return reader.bytes:byte(at + 1)
end

local function record_time(reader, tree)
  local start, datagram = reader.at, reader.datagram
  local _, low, high = reader:varint("time")
  local size = UInt64.new(low, high):rshift(1)
  local is_negative = low % 2 == 1
  if is_negative then
    size = size + 1
  end
  local offset = Int64.new(size:lower(), size:higher())
  local seconds, micros = divided(size)
  if is_negative then
    offset, seconds, micros = -offset, -seconds, -micros
  end
  seconds, micros = datagram.seconds + seconds, datagram.micros + micros
  if micros < 0 then
    seconds, micros = seconds - 1, micros + 1000000
  elseif micros >= 1000000 then
    seconds, micros = seconds + 1, micros - 1000000
  end
  reader:show(tree, "record.time", start, NSTime.new(seconds, micros * 1000))
  reader:show(tree, "record.time_offset", start, offset)
end

-- One group. `told` has the class of addresses and aliases, the owner that holds where there is none, and the values so far.
local function answers(reader, tree, told)
  local start = reader.at
  local head = reader:byte("answers")
  local kind, has_owner, count = math.floor(head / 32), math.floor(head / 16) % 2 == 1, head % 16
  local group = reader:show(tree, "record.answer", start)
  for _, name in ipairs({ "kind", "has_owner", "count" }) do
    group:add(F["record.answer." .. name], reader.tvb(start, 1))
  end
  if kind == 0 then
    refuse("offset %d: answers of kind 0", start)
  end
  if has_owner then
    told.owner = reader:shown_name(group, "record.answer.owner", "owner")
  else
    group:add(F["record.answer.owner"], reader.tvb(start, 1), told.owner):set_generated()
  end
  local owner, title = told.owner, KINDS[kind]
  local function is_of(number)
    group:add(F["record.answer.type"], reader.tvb(start, 1), number):set_generated()
    group:add(F["record.answer.class"], reader.tvb(start, 1), told.class):set_generated()
    reader:number(group, "record.answer.ttl", 2 ^ 32 - 1, "TTL")
  end
  if kind == 1 or kind == 2 then
    is_of(kind == 1 and 1 or 28)
    local before
    for _ = 1, count do
      if before then
        before = reader:ipv6_after(group, before)
        table.insert(told.values, before.text)
      else
        local _, at = reader:field(group, kind == 1 and "record.answer.a" or "record.answer.aaaa", kind == 1 and 4 or 16, "address")
        table.insert(told.values, reader:any_address(group, at, kind == 2))
        before = kind == 2 and { raw = reader.bytes:sub(at + 1, at + 16) }
      end
    end
  elseif kind == 3 then
    is_of(5)
    told.owner = reader:shown_name(group, "record.answer.cname", "target")
    table.insert(told.values, told.owner)
  elseif kind <= 5 then
    reader:number(group, "record.answer.ttl", 2 ^ 32 - 1, "TTL")
    local _, at = reader:field(group, "record.answer.type", 2, "type")
    title = type_name(reader.tvb(at, 2):uint())
    reader:field(group, "record.answer.class", 2, "class")
    table.insert(told.values, title)
    local bytes = reader:long(group, "record.answer.length", "length of RDATA")
    if kind == 5 then
      title = title .. ", without RDATA"
    elseif bytes > 0 then
      reader:field(group, "record.answer.rdata", bytes, "RDATA")
    end
  else
    local bytes = reader:long(group, "record.answer.length", "length")
    local at = reader:take(bytes, "answers of an unknown kind")
    if bytes > 0 then
      reader:show(group, "record.answer.unknown", at)
    end
    title = string.format("kind %d", kind)
    group:add_proto_expert_info(E.unknown, string.format("answers of kind %d", kind))
  end
  if kind <= 5 and (count == 0 or kind > 2 and count > 1) then
    group:add_proto_expert_info(E.unexpected, string.format("offset %d: a count of %d", start, count))
  end
  group:set_len(reader.at - start)
  group:set_text(string.format("Answers of %s: %d of %s", owner, count, title))
end

-- EDNS client subnet (RFC 7871, section 6).
local function subnet(reader, tree, count)
  local start = reader.at
  local address = { reader.bytes:byte(start + 5, start + count) }
  local family = count >= 4 and reader.tvb(start, 2):uint()
  local size = family == 1 and 4 or family == 2 and 16 or 0
  if size == 0 or #address > size then
    tree:add_proto_expert_info(E.unexpected, string.format("offset %d: this is no client subnet", start))
    return
  end
  local text
  if size == 4 then
    text = string.format("%d.%d.%d.%d", address[1] or 0, address[2] or 0, address[3] or 0, address[4] or 0)
  else
    text = tostring(ipv6_of(address))
  end
  text = string.format("%s/%d", text, reader.bytes:byte(start + 3))
  local item = tree:add(F["record.subnet"], reader.tvb(start, count), text)
  reader:field(item, "record.subnet.family", 2)
  reader:field(item, "record.subnet.source_prefix", 1)
  reader:field(item, "record.subnet.scope_prefix", 1)
  if #address > 0 then
    reader:field(item, "record.subnet.address", #address)
  end
end

-- What is behind the 0 that ends the answers.
local function record_parts(reader, tree)
  while reader:left() > 0 do
    local start = reader.at
    local kind = reader:byte("part")
    if kind == 0 then
      reader:take(reader:left(), "rest")
      reader:show(tree, "record.left", start)
      return
    end
    local part = reader:show(tree, "record.part", start)
    part:set_text(string.format("Part of type %d", kind))
    part:add(F["record.part.type"], reader.tvb(start, 1))
    local bytes = reader:long(part, "record.part.length", "length of a part")
    local at = reader:take(bytes, "part")
    part:set_len(reader.at - start)
    if kind == 1 then
      subnet(reader_of(reader.datagram, at, reader.at), part, bytes)
    else
      if bytes > 0 then
        reader:show(part, "record.part.value", at)
      end
      part:add_proto_expert_info(E.unknown, string.format("part of type %d", kind))
    end
  end
end

-- Reads a record behind its length.
local function record(reader, tree)
  local form_at = reader.at
  local form = form_and_flags(reader, tree)
  local function generated(name, value)
    tree:add(F["record." .. name], reader.tvb(form_at, 1), value):set_generated()
  end
  record_time(reader, tree)
  local client = reader:address(tree, "record.client", form >= 0x80, "client")
  reader:field(tree, "record.client_port", 2, "client port")
  origin(reader, tree)
  local rcode = 0
  if math.floor(form / 4) % 2 == 1 then
    rcode = reader:number(tree, "record.rcode", MAX_RCODE, "RCODE")
  else
    generated("rcode", 0)
  end
  local name = reader:shown_name(tree, "record.name", "name")
  local told = { owner = name, class = 1, values = {} }
  local question, kind = form % 4, nil
  if question < 2 then
    kind = question == 0 and 1 or 28
    generated("type", kind)
    generated("class", 1)
  elseif question == 2 then
    local _, at = reader:field(tree, "record.type", 2, "type")
    kind = reader.tvb(at, 2):uint()
    _, at = reader:field(tree, "record.class", 2, "class")
    -- Bit 15 has another use, and no record is of any class.
    local class = reader.tvb(at, 2):uint() % 0x8000
    told.class = class == CLASS_ANY and 1 or class
  end
  while reader:left() > 0 do
    if reader.bytes:byte(reader.at + 1) == 0 then
      reader.at = reader.at + 1
      record_parts(reader, tree)
    else
      answers(reader, tree, told)
    end
  end
  local summary = { client, name, kind and type_name(kind) or "announced" }
  if rcode ~= 0 then
    table.insert(summary, RCODES[rcode] or string.format("RCODE%d", rcode))
  end
  if #told.values > 0 then
    table.insert(summary, "-> " .. listed(told.values))
  end
  tree:set_text("Record: " .. table.concat(summary, " "))
end

local function counter(reader, tree)
  local start = reader.at
  local count = reader:byte("length of a name")
  if count < 1 or count > MAX_COUNTER_NAME then
    refuse("offset %d: the name of a counter has %d bytes", start, count)
  end
  local at = reader:take(count, "name of a counter")
  local raw = reader.bytes:sub(at + 1, at + count)
  local name = escaped(raw)
  local value_at = reader.at
  local _, low, high = reader:varint("value of a counter")
  local value = UInt64.new(low, high)
  local item = reader:show(tree, COUNTERS[name] or "stats.counter", start, value)
  item:set_text(string.format("%s: %s", name, tostring(value)))
  item:add(F["stats.name"], reader.tvb(at, count), name)
  reader:show(item, "stats.value", value_at, value)
  if raw:find("[^a-z0-9_]") then
    item:add_proto_expert_info(E.unexpected, string.format("offset %d: the name of a counter is %s", at, name))
  end
end

local function next_record(reader, tree)
  local start = reader.at
  local count = reader:uint16("length of a record")
  reader:take(count, "record")
  local item = reader:show(tree, "record", start)
  item:add(F["record.length"], reader.tvb(start, 2))
  local is_read, problem = reads(record, reader_of(reader.datagram, start + 2, reader.at), item)
  if not is_read then
    item:add_proto_expert_info(E.malformed, problem)
    refuse("a record is refused: %s", problem)
  end
end

-- Reads the datagram, and gives what column Info says of it.
local function version5(reader, tree)
  local datagram = reader.datagram
  datagram.labels = {}
  -- Numbers start at 2.
  datagram.origins = { false }
  header(reader, tree)
  local is_stats = reader.bytes:byte(4) % 2 == 1
  local count = reader.tvb(6, 2):uint()
  local what = is_stats and "counters" or "records"
  local read, problem = 0, nil
  while read < count and not problem do
    local is_read, found = reads(is_stats and counter or next_record, reader, tree)
    if is_read then
      read = read + 1
    else
      problem = found
    end
  end
  rest(reader, tree, problem, what, count - read)
  return string.format("%d %s, core %d%s", count, what, reader.tvb(4, 2):uint(),
    datagram.sensor and ", sensor " .. datagram.sensor or ""), tostring(reader.tvb(8, 8):uint64())
end

-- Versions 0 to 4 ---------------------------------------------------------------------------------------------------

-- A name of a set: text that ends with NUL in version 0, and labels without pointers since.
local function set_name(reader, version)
  local bytes, start = reader.bytes, reader.at
  if version == 0 then
    local nul = bytes:find("%z", start + 1)
    if not nul or nul > reader.stop then
      refuse("offset %d: name runs past its block", start)
    end
    reader.at = nul
    local labels = {}
    for label in (bytes:sub(start + 1, nul - 1):gsub("%.$", "") .. "."):gmatch("([^.]*)%.") do
      table.insert(labels, escaped(label))
    end
    local text = table.concat(labels, ".")
    return text == "" and "." or text
  end
  local labels = {}
  while true do
    local at = reader.at
    local count = reader:byte("name")
    if count == 0 then
      return joined(labels)
    elseif count > MAX_LABEL then
      refuse("offset %d: label length %d, at most %d are allowed", at, count, MAX_LABEL)
    end
    at = reader:take(count, "name")
    table.insert(labels, escaped(bytes:sub(at + 1, at + count)))
  end
end

-- An address field of version 4, 16 bytes.
local function wide_address(reader, tree, name, is_ipv6)
  local text, start = reader:address(tree, name, is_ipv6, name)
  if not is_ipv6 then
    reader:take(12, name)
    if not is_zero(reader.bytes, start + 4, reader.at) then
      refuse("offset %d: bytes behind an IPv4 address are not 0", start)
    end
  end
  return text
end

-- The header of a set. Gives the client, and how many names, bytes of names, and addresses of each kind there are.
local function set_header(reader, tree, version)
  local bytes = reader.bytes
  if version < 3 then
    local client = reader:address(tree, "set.client", false, "set header")
    local at = reader:take(4, "set header")
    tree:add(F["set.names_count"], reader.tvb(at, 1))
    tree:add(F["set.ips_count"], reader.tvb(at + 1, 1))
    tree:add(F["set.names_len"], reader.tvb(at + 2, 2))
    return client, bytes:byte(at + 1), reader.tvb(at + 2, 2):uint(), bytes:byte(at + 2), 0
  end
  local at = reader:take(8, "set header")
  for index, name in ipairs({ "ip_version", "names_count", "ips_count", "ip6s_count" }) do
    tree:add(F["set." .. name], reader.tvb(at + index - 1, 1))
  end
  tree:add(F["set.names_len"], reader.tvb(at + 4, 2))
  tree:add(F["set.zero"], reader.tvb(at + 6, 2))
  local ip_version, names, ipv4, ipv6 = bytes:byte(at + 1, at + 4)
  local names_len = reader.tvb(at + 4, 2):uint()
  if ip_version ~= 4 and ip_version ~= 6 then
    refuse("offset %d: IP version %d", at, ip_version)
  elseif not is_zero(bytes, at + 6, at + 8) then
    refuse("offset %d: bytes are not 0", at + 6)
  elseif version == 4 and names_len % 4 ~= 0 then
    refuse("offset %d: names length %d is not a multiple of 4", at + 4, names_len)
  end
  local client
  if version == 3 then
    client = reader:address(tree, "set.client", ip_version == 6, "client")
  else
    client = wide_address(reader, tree, "set.client", ip_version == 6)
    wide_address(reader, tree, "set.resolver", ip_version == 6)
  end
  return client, names, names_len, ipv4, ipv6
end

local function set(reader, tree, version)
  local start = reader.at
  local item = tree:add(F["set"], reader.tvb(start, reader:left()))
  local is_read, problem = reads(function()
    local client, names, names_len, ipv4, ipv6 = set_header(reader, item, version)
    if names == 0 then
      refuse("offset %d: set without a name", start)
    end
    local at = reader:take(names_len, "names")
    local block = reader_of(reader.datagram, at, reader.at)
    local shown = {}
    for index = 1, names do
      local name_at = block.at
      shown[index] = set_name(block, version)
      block:show(item, "set.names", name_at, shown[index])
      block:show(item, "name", name_at, shown[index]):set_hidden()
    end
    if block:left() > 3 or not is_zero(reader.bytes, block.at, block.stop) then
      refuse("offset %d: names are not padded with 0 to 3 zeros", block.at)
    elseif block:left() > 0 then
      block:field(item, "set.padding", block:left())
    end
    local values = {}
    for index = 2, names do
      values[index - 1] = shown[index]
    end
    for index = 1, ipv4 + ipv6 do
      local is_ipv6 = index > ipv4
      local _, address_at = reader:field(item, is_ipv6 and "set.ip6s" or "set.ips", is_ipv6 and 16 or 4, "addresses")
      table.insert(values, reader:any_address(item, address_at, is_ipv6))
    end
    item:set_text(string.format("Set: %s %s -> %s", client, shown[1], listed(values)))
  end)
  if not is_read then
    item:add_proto_expert_info(E.malformed, problem)
    refuse("a set is refused: %s", problem)
  end
  item:set_len(reader.at - start)
end

local function old_stats(reader, tree, version)
  local count = version < 2 and 4 or 5
  local wanted = OLD_HEADER + count * 4
  if reader.stop ~= wanted then
    refuse("stats datagram of %d bytes, expected %d", reader.stop, wanted)
  end
  for index, name in ipairs({ "captured", "received", "dropped", "ifdropped" }) do
    local start = OLD_HEADER + 4 * (index - 1)
    local range = reader.tvb(start, 4)
    local item = tree:add(F[COUNTERS[name]], range)
    item:add(F["stats.name"], range, name):set_generated()
    item:add(F["stats.value"], range)
  end
  if count == 5 then
    tree:add(F.sampling, reader.tvb(wanted - 4, 4))
  end
  reader.at = wanted
end

-- Reads the datagram, and gives what column Info says of it.
local function versions0to4(reader, tree, version)
  if reader.stop < OLD_HEADER then
    refuse("%d bytes are too few for a header of %d", reader.stop, OLD_HEADER)
  end
  reader:field(tree, "count", 1)
  local flags = reader:field(tree, "flags", 2)
  flags:add(F["flags.stats"], reader.tvb(2, 2))
  reader:field(tree, "sequence", 4)
  local count, is_stats = reader.bytes:byte(2), reader.bytes:byte(4) % 2 == 1
  local read, problem = 0, nil
  if count == 0 then
    problem = "the header announces no set"
  end
  while read < (is_stats and 1 or count) and not problem do
    local is_read, found = reads(is_stats and old_stats or set, reader, tree, version)
    if is_read then
      read = read + 1
    else
      problem = found
    end
  end
  if not problem and reader:left() > 0 then
    problem = string.format("offset %d: %d bytes after the last set", reader.at, reader:left())
  end
  rest(reader, tree, problem, "sets", is_stats and 0 or count - read)
  return is_stats and "statistics" or string.format("%d sets", count), string.format("%d", reader.tvb(4, 4):uint())
end

-- The dissector -----------------------------------------------------------------------------------------------------

local function datagram(tvb, pinfo, tree)
  local reader = reader_of({ tvb = tvb, bytes = tvb:raw() }, 0, tvb:len())
  local version = reader:byte("version")
  tree:add(F.version, tvb(0, 1))
  tree:append_text(string.format(", version %d", version))
  pinfo.cols.info = string.format("Version %d", version)
  local summary, sequence
  if version == 5 then
    summary, sequence = version5(reader, tree)
  elseif version < 5 then
    summary, sequence = versions0to4(reader, tree, version)
  else
    refuse("version %d; known are 0 to 5", version)
  end
  tree:append_text(string.format(", sequence %s", sequence))
  pinfo.cols.info = string.format("Version %d, sequence %s, %s", version, sequence, summary)
end

function dnsflow.dissector(tvb, pinfo, root)
  local length = tvb:len()
  if length == 0 then
    return 0
  end
  pinfo.cols.protocol = "dnsflow"
  local tree = root:add(dnsflow, tvb())
  if tvb:reported_len() > length then
    tree:add_proto_expert_info(E.cut, string.format("%d of %d bytes were captured", length, tvb:reported_len()))
  end
  local is_read, problem = reads(datagram, tvb, pinfo, tree)
  if not is_read then
    tree:add_proto_expert_info(E.malformed, problem)
  end
  return length
end

local ports = "5300"
dnsflow.prefs.port = Pref.range("UDP ports", ports, "Ports of collectors", 65535)

local function register(wanted)
  local udp = DissectorTable.get("udp.port")
  if ports ~= "" then
    udp:remove(ports, dnsflow)
  end
  ports = wanted
  if ports ~= "" then
    udp:add(ports, dnsflow)
  end
end

function dnsflow.prefs_changed()
  register(dnsflow.prefs.port)
end

register(ports)
