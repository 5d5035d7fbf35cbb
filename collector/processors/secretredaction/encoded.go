package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "strings"

const (
	// A run that decodes to fewer bytes than this holds no secret that any rule knows.
	shortestDecoded = 12
	shortestBase64  = shortestDecoded / 3 * 4
	shortestHex     = shortestDecoded * 2

	notInAlphabet = 0xff
	// What a byte beyond ASCII decodes to: in no keyword and no space, and one character in Go and in JavaScript.
	beyondASCII = 0x7f
)

var (
	// base64Values takes both alphabets of RFC 4648, the URL's too.
	base64Values = alphabetValues("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "-_", 62)
	hexValues    = alphabetValues("0123456789abcdef", "ABCDEF", 10)
	// What encodeURIComponent and its like leave as it is, and the sign of what they do not.
	percentRun = alphabetValues("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!*'()+%", "", 0)
)

func alphabetValues(alphabet, others string, from byte) [256]byte {
	var values [256]byte
	for i := range values {
		values[i] = notInAlphabet
	}
	for i := range len(alphabet) {
		values[alphabet[i]] = byte(i)
	}
	for i := range len(others) {
		values[others[i]] = from + byte(i)
	}
	return values
}

// redactEncoded replaces each run in base64, hexadecimal or percent-encoding that holds a secret once it is decoded.
func (r *redactor) redactEncoded(text string, t *tally, s *scratch) (string, bool) {
	first, isChanged := r.replaceRuns(text, nextBase64Run, decodeBase64OrHex, t, s)
	second, isChangedAgain := r.replaceRuns(first, nextPercentRun, decodePercent, t, s)
	return second, isChanged || isChangedAgain
}

// mayHoldEncoded is false for text that redactEncoded leaves alone.
func mayHoldEncoded(text string) bool {
	if _, _, found := nextBase64Run(text, 0); found {
		return true
	}
	_, _, found := nextPercentRun(text, 0)
	return found
}

func (r *redactor) replaceRuns(
	text string, next func(string, int) (start, end int, found bool), decode func(buffer []byte, run string) []byte, t *tally, s *scratch,
) (string, bool) {
	var result strings.Builder
	done := 0
	for at := 0; ; {
		start, end, found := next(text, at)
		if !found {
			break
		}
		at = end
		s.decoded = decode(s.decoded[:0], text[start:end])
		if len(s.decoded) < shortestDecoded || !r.scanner.isIn(s.decoded) {
			continue
		}
		rule := r.firstMatch(string(s.decoded), s)
		if rule < 0 {
			continue
		}
		result.WriteString(text[done:start])
		result.WriteString(r.rules[rule].placeholder)
		t.masked[rule]++
		t.some = true
		done = end
	}
	if done == 0 {
		return text, false
	}
	result.WriteString(text[done:])
	return result.String(), true
}

// nextBase64Run finds the next run from `at` that is long enough. It looks at one byte of every shortestBase64 only.
func nextBase64Run(text string, at int) (start, end int, found bool) {
	for i := at + shortestBase64 - 1; i < len(text); {
		if base64Values[text[i]] == notInAlphabet {
			i += shortestBase64
			continue
		}
		start, end = runAround(&base64Values, text, i, at)
		if end-start >= shortestBase64 {
			return start, end, true
		}
		i = end + shortestBase64
	}
	return 0, 0, false
}

func nextPercentRun(text string, at int) (start, end int, found bool) {
	for at < len(text) {
		sign := strings.IndexByte(text[at:], '%')
		if sign < 0 {
			return 0, 0, false
		}
		start, end = runAround(&percentRun, text, at+sign, at)
		if end-start >= shortestDecoded {
			return start, end, true
		}
		at = end
	}
	return 0, 0, false
}

// runAround widens the byte at i to all of the alphabet beside it, no further back than `from`.
func runAround(alphabet *[256]byte, text string, i, from int) (start, end int) {
	start, end = i, i+1
	for start > from && alphabet[text[start-1]] != notInAlphabet {
		start--
	}
	for end < len(text) && alphabet[text[end]] != notInAlphabet {
		end++
	}
	return start, end
}

// decodeBase64OrHex gives up on what begins like no text: most runs are names, paths and digests.
func decodeBase64OrHex(buffer []byte, run string) []byte {
	if isHex(run) {
		if len(run) < shortestHex {
			return buffer
		}
		for i := 0; i+1 < len(run); i += 2 {
			buffer = append(buffer, hexValues[run[i]]<<4|hexValues[run[i+1]])
			if isBinary(buffer) {
				return buffer[:0]
			}
		}
		return plain(buffer)
	}
	bits, count := uint32(0), 0
	for i := range len(run) {
		bits = bits<<6 | uint32(base64Values[run[i]])
		count += 6
		if count < 8 {
			continue
		}
		count -= 8
		buffer = append(buffer, byte(bits>>count))
		if isBinary(buffer) {
			return buffer[:0]
		}
	}
	return plain(buffer)
}

func isHex(run string) bool {
	for i := range len(run) {
		if hexValues[run[i]] == notInAlphabet {
			return false
		}
	}
	return true
}

// isBinary looks at the newest byte, as long as few were read.
func isBinary(buffer []byte) bool {
	newest := buffer[len(buffer)-1]
	return len(buffer) <= shortestDecoded && (newest < ' ' && newest != '\t' && newest != '\n' && newest != '\r' || newest == beyondASCII)
}

func decodePercent(buffer []byte, run string) []byte {
	for i := 0; i < len(run); i++ {
		c := run[i]
		if c == '%' && i+2 < len(run) && hexValues[run[i+1]] != notInAlphabet && hexValues[run[i+2]] != notInAlphabet {
			c = hexValues[run[i+1]]<<4 | hexValues[run[i+2]]
			i += 2
		}
		buffer = append(buffer, c)
	}
	return plain(buffer)
}

func plain(buffer []byte) []byte {
	for i, c := range buffer {
		if c >= 0x80 {
			buffer[i] = beyondASCII
		}
	}
	return buffer
}
