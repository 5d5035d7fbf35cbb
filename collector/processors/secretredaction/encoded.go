package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "strings"

// Finds text in base64 (of ASCII, or of UTF-16 as PowerShell has it) and in hexadecimal, wherever in a run of these
// alphabets it begins: `/tmp/`, `x-` and `token/` are of the alphabet too, and shift what stands behind them.
// schemas/redaction-encoded.ts has the same in TypeScript.

const (
	// A text of fewer bytes holds no secret that any rule knows.
	shortestDecoded = 12
	shortestBase64  = shortestDecoded / 3 * 4
	shortestHex     = shortestDecoded * 2
	// Two bytes a character.
	shortestUTF16 = shortestBase64 * 2
	// A line of base64 is joined with the next one from this length on: encoders wrap at 64 or 76.
	shortestWrappedLine = 40
	// Between two lines of base64: the break, an indent, and marks of a quotation, a comment or a diff.
	longestBreak = 64

	notInAlphabet = 0xff
	// What a byte beyond ASCII decodes to: in no keyword and no space, and one character in Go and in JavaScript.
	beyondASCII = 0x7f
)

var (
	// base64Values takes both alphabets of RFC 4648, the URL's too.
	base64Values = alphabetValues("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "-_", 62)
	hexValues    = alphabetValues("0123456789abcdef", "ABCDEF", 10)
	// places has, by character, one bit for each place of each form where text may have it.
	places = formPlaces()
)

// form says how text looks in an encoding: characters by their place in a period.
type form struct {
	period, shortest int
	// Bit of places for the first place of the period.
	bit uint
	// First and last bit of its field of a window; see windows.
	first, last uint
	isHex       bool
	isUTF16     bool
}

var (
	base64Form = form{period: 4, shortest: shortestBase64, bit: 0, first: 7, last: 14}
	utf16Form  = form{period: 8, shortest: shortestUTF16, bit: 4, first: 29, last: 31, isUTF16: true}
	hexForm    = form{period: 2, shortest: shortestHex, bit: 12, first: 15, last: 28, isHex: true}
	forms      = [...]*form{&base64Form, &hexForm, &utf16Form}
)

// windows has, by byte, bits for a window over the last bytes of a text, of all forms and alignments at once. Bit n of a
// form's field is set while the last n + 1 bytes may be the first n + 1 of text in that form: for each next byte the window
// is shifted by one, gets windowStarts, and loses what the byte has no bit for. Where the last bit of a field was never set,
// no text is in that form. (The fields are shorter than the shortest text; few runs differ by that.) The lowest seven bits
// are free: a table of bytes has a column there.
var windows = func() (table [256]uint32) {
	for c := range table {
		for _, f := range forms {
			for i := f.first; i <= f.last; i++ {
				table[c] |= uint32(places[c]>>(f.bit+(i-f.first)%uint(f.period))&1) << i
			}
		}
	}
	return table
}()

const (
	windowStarts = 1<<7 | 1<<15 | 1<<29
	// The last bit of each field.
	windowEnds = 1<<14 | 1<<28 | 1<<31
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

func formPlaces() [256]uint16 {
	var table [256]uint16
	for code := range table {
		bits := uint16(0)
		set := func(place int, is bool) {
			if is {
				bits |= 1 << place
			}
		}
		if value := base64Values[code]; value != notInAlphabet {
			low := value & 15
			// Three bytes of text: no byte has its highest bit, and none but a tab or line break is below 32.
			set(0, value >= 2 && value < 32)
			set(1, value&8 == 0 && (low == 0 || low >= 2))
			set(2, value&2 == 0)
			set(3, true)
			// Three characters of UTF-16, low byte first: t0 t0 t0.
			set(4, value >= 2 && value < 32)
			set(5, low == 0)
			set(6, value < 2)
			set(7, true)
			set(8, value == 0)
			set(9, value < 8)
			set(10, value&3 == 0)
			set(11, value == 0)
		}
		if value := hexValues[code]; value != notInAlphabet {
			set(12, value == 0 || value >= 2 && value < 8)
			set(13, true)
		}
		table[code] = bits
	}
	return table
}

// run is a run of the alphabet of base64, perhaps over several lines: [start, end) without gaps, which are pairs of indices.
type run struct {
	start, end int
	gaps       []int
}

// eachDecoded calls take for each text of twelve bytes or more that is encoded in `text`, and where it stood; for one at
// several alignments where chance allows it. The bytes are good until take returns.
func eachDecoded(text string, buffer []byte, take func(decoded []byte, start, end int)) []byte {
	for i, from := shortestBase64-1, 0; i < len(text); {
		// One byte of every shortestBase64 only is looked at.
		if base64Values[text[i]] == notInAlphabet {
			i += shortestBase64
			continue
		}
		r := runAround(text, i, from)
		if r.end-r.start >= shortestBase64 {
			buffer = decodeRun(text, r, buffer, take)
		}
		from = r.end
		i = r.end + shortestBase64
	}
	return buffer
}

// runAround widens the byte at i to all of the alphabet beside it, no further back than `from`.
func runAround(text string, i, from int) run {
	start, end := i, i
	for start > from && base64Values[text[start-1]] != notInAlphabet {
		start--
	}
	for end < len(text) && base64Values[text[end]] != notInAlphabet {
		end++
	}
	if isEscapedBreak(text, start-1) {
		start++
	}
	r := run{start: start, end: end}
	if end-start < shortestWrappedLine {
		return r
	}
	mark := diffMark(text, start)
	for line := start; r.end-line >= shortestWrappedLine; {
		next := nextLine(text, r.end, mark)
		if next < 0 {
			break
		}
		lineEnd := next
		for lineEnd < len(text) && base64Values[text[lineEnd]] != notInAlphabet {
			lineEnd++
		}
		if lineEnd == next {
			break
		}
		r.gaps = append(r.gaps, r.end, next)
		line, r.end = next, lineEnd
	}
	return r
}

func isEscapedBreak(text string, i int) bool {
	next := at(text, i+1)
	return at(text, i) == backslash && (next == 'n' || next == 'r')
}

// diffMark is the sign of a diff, which is of the alphabet, if the line that begins at start begins with one.
func diffMark(text string, start int) byte {
	mark := text[start]
	isFirst := start == 0 || isLineBreak(text[start-1]) || isEscapedBreak(text, start-2)
	if isFirst && (mark == '+' || mark == '-') {
		return mark
	}
	return 0
}

// nextLine returns where the next line begins, if the line ends at start; or -1.
func nextLine(text string, start int, mark byte) int {
	isBroken := false
	i := start
	for i < len(text) && i < start+longestBreak {
		c := text[i]
		if c == backslash {
			letter := i
			for at(text, letter) == backslash {
				letter++
			}
			if next := at(text, letter); next != 'n' && next != 'r' {
				return -1
			}
			isBroken = true
			i = letter
		} else if isLineBreak(c) {
			isBroken = true
		} else if strings.IndexByte(" \t>|#*\"',", c) < 0 {
			break
		}
		i++
	}
	if !isBroken {
		return -1
	}
	if mark != 0 && at(text, i) == mark {
		return i + 1
	}
	return i
}

func decodeRun(text string, r run, buffer []byte, take func(decoded []byte, start, end int)) []byte {
	whole, start, end := text, r.start, r.end
	if len(r.gaps) > 0 {
		whole = withoutGaps(text, r)
		start, end = 0, len(whole)
	}
	seen := uint32(windowEnds)
	if len(r.gaps) == 0 {
		seen = windowsIn(text[start:end])
	}
	for _, f := range forms {
		if r.end-r.start >= f.shortest && seen>>f.last&1 == 1 {
			buffer = decodeForm(whole, start, end, r, f, buffer, take)
		}
	}
	return buffer
}

// windowsIn returns all bits that a window over the text has had.
func windowsIn(text string) (seen uint32) {
	window := uint32(0)
	for i := range len(text) {
		window = (window<<1 | windowStarts) & windows[text[i]]
		seen |= window
	}
	return seen
}

// decodeForm decodes the run at each alignment at which text is in it, from where that begins.
func decodeForm(whole string, start, end int, r run, f *form, buffer []byte, take func(decoded []byte, start, end int)) []byte {
	for alignment := 0; alignment < f.period && start+alignment+f.shortest <= end; alignment++ {
		first := firstText(whole, start+alignment, end, f)
		if first < 0 {
			continue
		}
		last := end
		if f.isHex {
			last = first
			for last < end && hexValues[whole[last]] != notInAlphabet {
				last++
			}
			buffer = decodeHex(buffer[:0], whole[first:last])
		} else {
			buffer = decodeBase64(buffer[:0], whole[first:last], f.isUTF16)
		}
		if last == end {
			take(buffer, r.place(first), r.end)
		} else {
			take(buffer, r.place(first), r.place(last))
		}
	}
	return buffer
}

// firstText returns the first place, a multiple of the period from start, from which `shortest` characters may be text; or -1.
func firstText(text string, start, end int, f *form) int {
	for first := start; first+f.shortest <= end; {
		i := f.shortest - 1
		for i >= 0 && places[text[first+i]]>>(f.bit+uint(i%f.period))&1 == 1 {
			i--
		}
		if i < 0 {
			return first
		}
		first += i - i%f.period + f.period
	}
	return -1
}

func withoutGaps(text string, r run) string {
	var result strings.Builder
	from := r.start
	for i := 0; i < len(r.gaps); i += 2 {
		result.WriteString(text[from:r.gaps[i]])
		from = r.gaps[i+1]
	}
	result.WriteString(text[from:r.end])
	return result.String()
}

// place is the index in the text of an index in the run without its gaps.
func (r *run) place(i int) int {
	if len(r.gaps) == 0 {
		return i
	}
	place := r.start + i
	for j := 0; j < len(r.gaps) && r.gaps[j] <= place; j += 2 {
		place += r.gaps[j+1] - r.gaps[j]
	}
	return place
}

func decodeBase64(buffer []byte, text string, dropsZeros bool) []byte {
	bits, count := uint32(0), 0
	for i := range len(text) {
		bits = (bits<<6 | uint32(base64Values[text[i]])) & 0xffff
		count += 6
		if count < 8 {
			continue
		}
		count -= 8
		c := byte(bits >> count)
		if c == 0 && dropsZeros {
			continue
		}
		buffer = append(buffer, min(c, beyondASCII))
	}
	return buffer
}

func decodeHex(buffer []byte, text string) []byte {
	for i := 0; i+1 < len(text); i += 2 {
		buffer = append(buffer, min(hexValues[text[i]]<<4|hexValues[text[i+1]], beyondASCII))
	}
	return buffer
}

// saysUserAndPassword tells whether base64 at [start, end) says `user:password`, as an HTTP credential does: printable, with
// a colon.
func saysUserAndPassword(text string, start, end int) bool {
	bits, count, hasColon := uint(0), 0, false
	for _, c := range []byte(text[start:end]) {
		bits = bits<<6 | uint(base64Values[c]&63)
		if count += 6; count < 8 {
			continue
		}
		count -= 8
		switch decoded := byte(bits >> count); {
		case decoded < ' ':
			return false
		case decoded == ':':
			hasColon = true
		}
	}
	return hasColon
}
