package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "strings"

// What the parts of redactor.go know of characters and of what stands before a secret. schemas/redaction-text.ts has
// the same in TypeScript; both treat every character beyond ASCII alike.

const (
	backslash = '\\'
	escape    = 0x1b

	// Parameters of a colour sequence: more than any terminal takes.
	longestColour = 24
	// Characters of `25`s of a percent sign that was encoded again and again.
	longestPercent = 64
)

func isDigit(c byte) bool        { return c >= '0' && c <= '9' }
func isLower(c byte) bool        { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool        { return c >= 'A' && c <= 'Z' }
func isLetter(c byte) bool       { return isLower(c) || isUpper(c) }
func isAlphanumeric(c byte) bool { return isDigit(c) || isLetter(c) }
func isNameByte(c byte) bool     { return isAlphanumeric(c) || c == '_' || c == '-' }
func isHexDigit(c byte) bool     { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
func isQuote(c byte) bool        { return c == '"' || c == '\'' || c == '`' }
func isSpace(c byte) bool        { return c == ' ' || c >= 9 && c <= 13 }
func isLineBreak(c byte) bool    { return c == '\n' || c == '\r' }

// startsRune is false for a byte that continues a character.
func startsRune(c byte) bool { return c&0xc0 != 0x80 }

// at returns 0 beyond either end of the text.
func at(text string, i int) byte {
	if i < 0 || i >= len(text) {
		return 0
	}
	return text[i]
}

func hexDigit(c byte) uint64 {
	if isDigit(c) {
		return uint64(c - '0')
	}
	return uint64(c|0x20) - 'a' + 10
}

// isHexAt tells whether `count` hexadecimal digits stand at i.
func isHexAt(text string, i, count int) bool {
	if i < 0 || i+count > len(text) {
		return false
	}
	for _, c := range []byte(text[i : i+count]) {
		if !isHexDigit(c) {
			return false
		}
	}
	return true
}

// isWordAt tells whether `word`, in lower case, stands at i in any case.
func isWordAt(text string, i int, word string) bool {
	if i < 0 || i+len(word) > len(text) {
		return false
	}
	for j := range len(word) {
		if lower(text[i+j]) != word[j] {
			return false
		}
	}
	return true
}

func hasPrefixAt(text string, i int, prefix string) bool {
	return i >= 0 && i <= len(text) && strings.HasPrefix(text[i:], prefix)
}

// indexIn is the index of c within [start, end), or -1.
func indexIn(text string, c byte, start, end int) int {
	if start >= end || start >= len(text) {
		return -1
	}
	i := strings.IndexByte(text[start:min(end, len(text))], c)
	if i < 0 {
		return -1
	}
	return start + i
}

// typographicQuote is the length of the quotation mark beyond ASCII at i, or 0.
func typographicQuote(text string, i int) int {
	switch at(text, i) {
	case 0xc2:
		if c := at(text, i+1); c == 0xab || c == 0xbb {
			return 2
		}
	case 0xe2:
		if c := at(text, i+2); at(text, i+1) == 0x80 && (c >= 0x98 && c <= 0x9f || c == 0xb9 || c == 0xba) {
			return 3
		}
	case 0xe3:
		if c := at(text, i+2); at(text, i+1) == 0x80 && c >= 0x8c && c <= 0x8f {
			return 3
		}
	case 0xef:
		if c := at(text, i+2); at(text, i+1) == 0xbc && (c == 0x82 || c == 0x87) {
			return 3
		}
	}
	return 0
}

func runEnd(text string, i int) int {
	for i < len(text) && isNameByte(text[i]) {
		i++
	}
	return i
}

// hasBoundary tells whether a secret may begin at i: no letter or digit stands before it, or one that ends an escape.
// Escapes are `\n` and its like, `\xHH`, `\uHHHH`, `\UHHHHHHHH` and `\OOO` after any number of backslashes, `%HH` (also
// `%25HH` at any depth), and the sequences by which a terminal sets colours.
func hasBoundary(text string, i int) bool {
	if i == 0 {
		return true
	}
	last := text[i-1]
	if !isAlphanumeric(last) {
		return true
	}
	if at(text, i-2) == backslash {
		return strings.IndexByte("abefnrtv0", last) >= 0
	}
	if isHexDigit(last) && isHexAt(text, i-2, 1) && endsNumericEscape(text, i) {
		return true
	}
	return isLetter(last) && endsColour(text, i)
}

func endsNumericEscape(text string, i int) bool {
	sign := i - 3
	first := max(2, sign-longestPercent)
	for sign >= first && text[sign] == '5' && text[sign-1] == '2' {
		sign -= 2
	}
	if at(text, sign) == '%' {
		return true
	}
	isAfter := func(letter byte, digits int) bool {
		place := i - digits - 1
		if at(text, place) != letter {
			return false
		}
		before := at(text, place-1)
		return (before == backslash || letter == 'u' && before == '%') && isHexAt(text, place+1, digits)
	}
	return isAfter('x', 2) || isAfter('u', 4) || isAfter('U', 8) || at(text, i-4) == backslash && isOctalAt(text, i-3)
}

// isOctalAt tells whether three octal digits of a byte stand at i.
func isOctalAt(text string, i int) bool {
	first, second, third := at(text, i), at(text, i+1), at(text, i+2)
	return first >= '0' && first <= '3' && second >= '0' && second <= '7' && third >= '0' && third <= '7'
}

// endsColour tells whether `ESC [ parameters letter` ends at i; the escape character may be lost or written out.
func endsColour(text string, i int) bool {
	from := i - 2
	first := max(0, from-longestColour)
	j := from
	for j >= first && isColourParameter(text[j]) {
		j--
	}
	if at(text, j) != '[' {
		return false
	}
	before := at(text, j-1)
	return j < from || before == escape || strings.IndexByte("bBeE3", before) >= 0
}

func isColourParameter(c byte) bool { return isDigit(c) || c == ':' || c == ';' || c == '?' }

// skipColour returns where the text goes on behind a colour sequence at i, or i.
func skipColour(text string, i int) int {
	if at(text, i) != escape {
		return i
	}
	if end := skipBareColour(text, i+1); end > i+1 {
		return end
	}
	return i
}

// skipBareColour does the same for a sequence that has lost its escape character.
func skipBareColour(text string, i int) int {
	if at(text, i) != '[' {
		return i
	}
	j := i + 1
	for j < len(text) && j < i+longestColour && isColourParameter(text[j]) {
		j++
	}
	if isLetter(at(text, j)) {
		return j + 1
	}
	return i
}

// hasArgumentBoundary is a boundary, and none of the characters that join two parts of one argument or path.
func hasArgumentBoundary(text string, i int) bool {
	return i == 0 || strings.IndexByte("-_.@#~", text[i-1]) < 0 && hasBoundary(text, i)
}
