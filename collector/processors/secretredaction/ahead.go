package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"strings"
	"unicode/utf8"
)

// kind is a kind of characters of which ahead finds the next one.
type kind int

const (
	// What ends a value without quotes, or may: a blank, quote, separator, bracket or backslash.
	kindBareSign kind = iota
	// What no credential of a header has.
	kindCredentialEnd
	// Anything but a letter, digit, `_` and `-`. From here on bytes beyond ASCII are not read as quotation marks.
	kindNameEnd
	kindDigit
	kindLetter
	kindUpper
	kindSpace
	kindNotBackslash
	kindNotBase64
	kindColon
	kindClosingBrace
	// A control character, blank or ASCII quote.
	kindBlankOrQuote
	// What no user and password without a scheme have.
	kindUserEnd
	// A colon, or what no prompt has before its colon.
	kindPromptSign
	kindBeyondASCII
	// From here on: where a word begins; see kindWords.
	kindScheme
	kindPlatform
	kindRange
	kinds
)

// kindWords are in lower case.
var kindWords = [kinds][]string{kindScheme: {"://"}, kindPlatform: {":*:*"}, kindRange: {"[0-9a-", "[a-z"}}

const (
	// How far behind what is known a value may begin for what stands between to be read.
	near = 1024
	// How far before an @ a user begins, and other @ that may stand between.
	longestUser = 200
	mostAts     = 3
)

// kindBits has the bits of the kinds of a byte. Those that may begin a quotation mark beyond ASCII have the first two too.
var kindBits = func() (table [256]uint32) {
	tests := [kinds]func(c byte) bool{
		kindBareSign: func(c byte) bool {
			return c <= ' ' || isQuote(c) || strings.IndexByte("<>,;&|()[]{}\\", c) >= 0 || beginsTypographicQuote(c)
		},
		kindCredentialEnd: func(c byte) bool {
			return c <= ' ' || isQuote(c) || strings.IndexByte("<>;,\\", c) >= 0 || beginsTypographicQuote(c)
		},
		kindNameEnd:      func(c byte) bool { return !isNameByte(c) },
		kindDigit:        isDigit,
		kindLetter:       isLetter,
		kindUpper:        isUpper,
		kindSpace:        isSpace,
		kindNotBackslash: func(c byte) bool { return c != backslash },
		kindNotBase64:    func(c byte) bool { return !isAlphanumeric(c) && strings.IndexByte("+/_-", c) < 0 },
		kindColon:        func(c byte) bool { return c == ':' },
		kindClosingBrace: func(c byte) bool { return c == '}' },
		kindBlankOrQuote: func(c byte) bool { return c <= ' ' || isQuote(c) },
		kindUserEnd: func(c byte) bool {
			return c <= ' ' || c >= utf8.RuneSelf || strings.IndexByte("\"'`<>(),;|&=\\", c) >= 0
		},
		kindPromptSign:  func(c byte) bool { return strings.IndexByte(":\"'=,;\n\r", c) >= 0 },
		kindBeyondASCII: func(c byte) bool { return c >= utf8.RuneSelf },
		kindScheme:      func(c byte) bool { return c == ':' },
		kindPlatform:    func(c byte) bool { return c == ':' },
		kindRange:       func(c byte) bool { return c == '[' },
	}
	for c := range table {
		for k, test := range tests {
			if test(byte(c)) {
				table[c] |= 1 << k
			}
		}
	}
	return table
}()

func beginsTypographicQuote(c byte) bool { return c == 0xc2 || c == 0xe2 || c == 0xe3 || c == 0xef }

// ahead finds the next character of a kind in one text, and remembers how far the text has been read for it. A text full
// of keywords has values that share their end; each of its characters is still read once for each kind, not once for each
// keyword. schemas/redaction-ahead.ts has the same in TypeScript.
type ahead struct {
	text string
	// What reading the texts has cost so far that are derived from one, and what it may cost.
	work work
	// By kind: no character of it stands in [from, to), and one stands at `to` if isFound.
	known [kinds]struct {
		from, to int
		isFound  bool
	}
	// Where the keyword begins that is being read from: no value is read that begins before it.
	keyword int
	// Of [valuesFrom, valuesTo): each sign at which a value may end, in order, and where one ends that begins there or
	// right before.
	signs                []valueSign
	valuesFrom, valuesTo int
	// Numbers of closing brackets; see settle.
	closing []int
	// Of the text before usersTo: the last places of what userStart looks for.
	usersTo, userEnd, slash, scheme int
	ats                             [mostAts + 1]int
	// The arguments of a command line that were read last, one behind the other.
	commandLine []argument
	// The identifier that was read last, where it begins, and where it was to end.
	identifier                      identifier
	identifierStart, identifierLast int
	// Where the name ends whose last word was read last, where that begins, and whether the name is about a secret only.
	aboutRun, aboutFrom int
	isAbout             bool
	// The pairs of cookies that begin in here hold no secret.
	cookiesFrom, cookiesTo int
	// Where the name ends whose value was read last, and as what.
	nameRead     int
	nameStrength strength
}

type valueSign struct{ at, end int }

// begin forgets the text before.
func (a *ahead) begin(text string) {
	a.text = text
	for k := range a.known {
		a.known[k].from, a.known[k].to = -1, -1
	}
	a.keyword, a.valuesFrom, a.valuesTo, a.signs = 0, 0, 0, a.signs[:0]
	a.usersTo, a.userEnd, a.slash, a.scheme = 0, -1, -1, -1
	a.ats = [mostAts + 1]int{-1, -1, -1, -1}
	a.commandLine = a.commandLine[:0]
	a.cookiesFrom, a.cookiesTo = -1, -1
	a.nameRead, a.aboutRun, a.identifierStart = -1, -1, -1
}

// next is the index of the first character of the kind in [start, most); `most`, or the text's length, if there is none.
func (a *ahead) next(k kind, start, most int) int {
	last := min(most, len(a.text))
	if start >= last {
		return last
	}
	known := &a.known[k]
	i, stop := start, last
	isIn := known.from <= start && start <= known.to
	if isIn {
		if known.to >= last || known.isFound {
			return min(known.to, last)
		}
		i = known.to
	} else if start < known.from && known.from < last {
		stop = known.from
	}
	for i < stop && (kindBits[a.text[i]]&(1<<k) == 0 || !a.isOf(k, i)) {
		i++
	}
	if !isIn {
		if i == stop && stop == known.from {
			// What is known goes on from here.
			known.from = start
			return a.next(k, start, most)
		}
		known.from = start
	}
	known.to, known.isFound = i, i < last
	return i
}

// isOf tells of what may be of the kind by its byte at i whether it is.
func (a *ahead) isOf(k kind, i int) bool {
	if k < kindNameEnd {
		return a.text[i] < utf8.RuneSelf || typographicQuote(a.text, i) > 0
	}
	if k < kindScheme {
		return true
	}
	for _, word := range kindWords[k] {
		if isWordAt(a.text, i, word) {
			return true
		}
	}
	return false
}

// userStart is where user and password may begin whose @ is at i: behind what neither has, behind the fourth @ before, and
// no further back than longestUser; of a URL, which is not looked at here, in the last part of its path. It is asked with
// growing i.
func (a *ahead) userStart(i int) int {
	first := max(0, i-longestUser)
	for j := max(a.usersTo, first); j < i; j++ {
		switch c := a.text[j]; {
		case c == '@':
			copy(a.ats[1:], a.ats[:])
			a.ats[0] = j
		case c == '/':
			a.slash = j
		case kindBits[c]&(1<<kindUserEnd) != 0:
			a.userEnd = j
		case c == ':' && hasPrefixAt(a.text, j, "://"):
			a.scheme = j
		}
	}
	a.usersTo = i
	start := max(first, a.userEnd+1, a.ats[mostAts]+1)
	if a.scheme >= start {
		return a.slash + 1
	}
	return start
}

// valueEnd is where the value without quotes ends that begins at start: at a blank, a quote or a sign that separates, at a
// bracket that it did not open, or at an escape. All values up to the next such place are read at once, since they share
// their ends.
func (a *ahead) valueEnd(start int) int {
	if start >= len(a.text) {
		return len(a.text)
	}
	if start > a.valuesTo+near || start < a.valuesFrom || len(a.signs) == 0 {
		a.signs = a.signs[:0]
		a.valuesFrom = min(a.keyword, start)
		a.valuesTo = a.valuesFrom
	}
	for a.valuesTo <= start {
		a.readValues()
	}
	low, high := 0, len(a.signs)-1
	for low < high {
		if middle := (low + high) / 2; a.signs[middle].at < start {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return max(start, a.signs[low].end)
}

// readValues reads on to behind the next place at which every value ends.
func (a *ahead) readValues() {
	text, first := a.text, len(a.signs)
	i := a.valuesTo
	for ; i < len(text); i++ {
		c := text[i]
		if kindBits[c]&(1<<kindBareSign) == 0 || !a.isOf(kindBareSign, i) {
			continue
		}
		if c == backslash {
			next := i + 1
			for at(text, next) == backslash {
				next++
			}
			if next == len(text) || strings.IndexByte("nrtbfu\"'`/", text[next]) >= 0 {
				a.signs = append(a.signs, valueSign{next - 1, max(i, next-deepestEscape)})
				i = next - 1
				break
			}
			i = next - 1
			continue
		}
		a.signs = append(a.signs, valueSign{i, i})
		if strings.IndexByte("()[]{}", c) < 0 {
			break
		}
	}
	if i == len(text) {
		a.signs = append(a.signs, valueSign{i, i})
	}
	a.valuesTo = i + 1
	a.settle(first)
}

// settle says of the brackets from number `first` on, up to the last sign, at which every value ends, where a value ends
// that begins before each.
func (a *ahead) settle(first int) {
	last := len(a.signs) - 1
	a.closing = a.closing[:0]
	for number := last - 1; number >= first; number-- {
		sign := &a.signs[number]
		switch c := a.text[sign.at]; {
		case c == '(' || c == '[' || c == '{':
			// A value goes on behind the bracket that closes this one.
			to := last
			if open := len(a.closing); open > 0 {
				to = a.closing[open-1] + 1
				a.closing = a.closing[:open-1]
			}
			sign.end = a.signs[to].end
		default:
			a.closing = append(a.closing, number)
			// `)x` is of the value all the same.
			if isAlphanumeric(at(a.text, sign.at+1)) {
				sign.end = a.signs[number+1].end
			}
		}
	}
}

// has tells whether a character of the kind stands in [start, end).
func (a *ahead) has(k kind, start, end int) bool {
	return a.next(k, start, end) < min(end, len(a.text))
}
