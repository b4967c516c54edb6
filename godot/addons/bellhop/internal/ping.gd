extends RefCounted
## Measures the time to another Godot and back, on a data channel of its own.

const ID := 203 ## Of the channel. Pages with bellhop.js use 200 to 202.
const EVERY := 2.0 ## Seconds.

var milliseconds: int = -1 ## The last result, or -1.

var _channel: WebRTCDataChannel
var _sent_at: int = 0
var _next_at: float = 0.0
var _number: int = 0


## Makes the channel. Godot allows that before a connection's first description only.
func open(connection: WebRTCPeerConnection) -> void:
	_channel = connection.create_data_channel("ping", {"negotiated": true, "id": ID, "ordered": false, "maxRetransmits": 0})
	_next_at = 0.0


func close() -> void:
	_channel = null
	milliseconds = -1


## Answers, and asks when it is time. Called each frame.
func poll(now: float, is_used: bool) -> void:
	if _channel == null or not is_used or _channel.poll() != OK or _channel.get_ready_state() != WebRTCDataChannel.STATE_OPEN:
		return
	while _channel.get_available_packet_count() > 0:
		var packet: PackedByteArray = _channel.get_packet()
		if packet.size() != 2:
			continue
		if packet[0] == 0:
			_channel.put_packet([1, packet[1]])
		elif packet[1] == _number:
			milliseconds = Time.get_ticks_msec() - _sent_at
	if now >= _next_at:
		_next_at = now + EVERY
		_number = (_number + 1) % 256
		_sent_at = Time.get_ticks_msec()
		_channel.put_packet([0, _number])
