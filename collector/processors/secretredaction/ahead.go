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
	kinds
)

// kindBits has the bits of the kinds of a byte. Those that may begin a quotation mark beyond ASCII have the first two too.
var kindBits = func() (table [256]uint16) {
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
	// By kind: no character of it stands in [from, to), and one stands at `to` if isFound.
	known [kinds]struct {
		from, to int
		isFound  bool
	}
	// The pairs of cookies that begin in here hold no secret.
	cookiesFrom, cookiesTo int
	// Where the name ends whose value was read last, and as what.
	nameRead     int
	nameStrength strength
	// Bytes that next has read, for tests.
	read int
}

// begin forgets the text before.
func (a *ahead) begin(text string) {
	a.text = text
	for k := range a.known {
		a.known[k].from, a.known[k].to = -1, -1
	}
	a.cookiesFrom, a.cookiesTo = -1, -1
	a.nameRead = -1
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
	from := i
	for i < stop {
		if c := a.text[i]; kindBits[c]&(1<<k) != 0 && (c < utf8.RuneSelf || k >= kindNameEnd || typographicQuote(a.text, i) > 0) {
			break
		}
		i++
	}
	a.read += i - from + 1
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

// has tells whether a character of the kind stands in [start, end).
func (a *ahead) has(k kind, start, end int) bool {
	return a.next(k, start, end) < min(end, len(a.text))
}
