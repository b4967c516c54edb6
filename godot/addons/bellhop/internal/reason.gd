extends RefCounted
## Why there is no link, in words.

const Link := preload("link.gd")


## Returns the most probable reason why a link has no connection, and what helps.
static func of(link: Link) -> String:
	if not link._has_heard:
		return "The other player has not answered: their game may be closed, or makes no connections."
	if link._relay_only and not link._found_any:
		return "This device has found no TURN server, and relay_only allows nothing else."
	if not link._found_any and not link._sdp.contains("a=candidate"):
		return "This device has no address to be reached at (no candidates)."
	if not link._remote_sdp.contains("a=candidate"):
		return "The other player's device has no address to be reached at (no candidates)."
	var turns: PackedStringArray = []
	for server: Variant in link._servers:
		if str(server).contains("turn"):
			turns.append(str(server.get("urls")) if server is Dictionary else "")
	if turns.is_empty():
		return "There is no direct way between the two networks; a TURN server would be one, and this server names none."
	return "There is no direct way between the two networks, nor one through %s." % ", ".join(turns)
