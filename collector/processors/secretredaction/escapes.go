package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "strings"

// view is a text as the program reads it that resolves its escapes: JSON's and other languages' after any number of
// backslashes, percent-encoding, and references of HTML and XML. schemas/redaction-escapes.ts has the same in TypeScript.
type view struct {
	text string
	// Pairs: an index in the text, and the index in the source from which the two go on alike.
	anchors []int
}

// beyondText stands for any character beyond ASCII.
const beyondText = "\ufffd"

const longestEntity = 10

// entities are references of HTML that stand for one character of ASCII.
var entities = map[string]string{
	"lt": "<", "gt": ">", "quot": `"`, "apos": "'", "amp": "&", "nbsp": " ", "num": "#", "colon": ":", "equals": "=", "commat": "@", "sol": "/",
	"bsol": `\`, "lowbar": "_", "hyphen": "-", "dash": "-", "period": ".", "plus": "+", "dollar": "$", "excl": "!", "tab": "\t", "newline": "\n",
	"semi": ";", "comma": ",", "quest": "?", "percnt": "%", "lpar": "(", "rpar": ")", "lsqb": "[", "rsqb": "]", "lcub": "{", "rcub": "}", "ast": "*",
	"grave": "`", "tilde": "~", "hat": "^", "verbar": "|",
}

// mayHaveEscapes is a first look that allocates nothing.
func mayHaveEscapes(text string) bool {
	if strings.IndexByte(text, backslash) >= 0 || strings.IndexByte(text, '%') >= 0 || strings.IndexByte(text, '&') >= 0 {
		for i := range len(text) {
			next := at(text, i+1)
			switch text[i] {
			case backslash:
				if next == 'u' || next == 'U' || next == 'x' || next == '/' || next >= '0' && next <= '3' {
					return true
				}
			case '%':
				if isHexDigit(next) || next == 'u' {
					return true
				}
			case '&':
				if isLetter(next) || next == '#' {
					return true
				}
			}
		}
	}
	return false
}

// mayBeForm tells whether a form may be in the text that has blanks in it: a `+` behind a `=`, no blank or quote between.
func mayBeForm(text string) bool {
	first := strings.IndexByte(text, '=')
	if first < 0 || strings.IndexByte(text, '+') < 0 {
		return false
	}
	isField := false
	for i := first; i < len(text); i++ {
		switch c := text[i]; {
		case c == '=':
			isField = true
		case c == '+' && isField:
			return true
		case isSpace(c) || isQuote(c):
			isField = false
		}
	}
	return false
}

// resolveEscapes returns false if the text has no escapes but those that a reader of the text itself understands
// (`\n`, `\"` and their like). With `plus` a + is a blank, as in forms.
func resolveEscapes(text string, plus bool) (view, bool) {
	var result strings.Builder
	anchors := []int{0, 0}
	done, isHard := 0, false
	for i := 0; i < len(text); {
		var piece string
		var length int
		hard := true
		switch c := text[i]; {
		case c == backslash:
			piece, length, hard = readBackslash(text, i)
		case c == '%':
			piece, length = readPercent(text, i)
		case c == '&':
			piece, length = readEntity(text, i)
		case c == '+' && plus:
			piece, length = " ", 1
		}
		if length == 0 {
			i++
			continue
		}
		result.WriteString(text[done:i])
		result.WriteString(piece)
		i += length
		done = i
		isHard = isHard || hard
		anchors = append(anchors, result.Len(), i)
	}
	if !isHard {
		return view{}, false
	}
	result.WriteString(text[done:])
	return view{text: result.String(), anchors: anchors}, true
}

// toSource returns the index in the source of index i of the view's text.
func (v *view) toSource(i int) int {
	low, high := 0, len(v.anchors)/2
	for high-low > 1 {
		if middle := (low + high) / 2; v.anchors[2*middle] <= i {
			low = middle
		} else {
			high = middle
		}
	}
	return v.anchors[2*low+1] + i - v.anchors[2*low]
}

func character(value uint64) string {
	if value < 0x80 {
		return string(rune(value))
	}
	return beyondText
}

func hexNumber(text string, i, digits int) uint64 {
	value := uint64(0)
	for j := i; j < i+digits; j++ {
		value = value<<4 | hexDigit(text[j])
	}
	return value
}

// readBackslash reads one escape; isHard is false for those that need no reading of their own.
func readBackslash(text string, start int) (piece string, length int, isHard bool) {
	i := start
	for at(text, i) == backslash {
		i++
	}
	letter := at(text, i)
	digits := map[byte]int{'u': 4, 'x': 2, 'U': 8}[letter]
	if digits > 0 && isHexAt(text, i+1, digits) {
		return character(hexNumber(text, i+1, digits)), i + 1 + digits - start, true
	}
	if letter == 'u' && at(text, i+1) == '{' {
		end := i + 2
		for end < i+8 && isHexDigit(at(text, end)) {
			end++
		}
		if end > i+2 && at(text, end) == '}' {
			return character(hexNumber(text, i+2, end-i-2)), end + 1 - start, true
		}
	}
	if isOctalAt(text, i) {
		return character(uint64(text[i]-'0')*64 + uint64(text[i+1]-'0')*8 + uint64(text[i+2]-'0')), i + 3 - start, true
	}
	switch letter {
	case 'n':
		piece = "\n"
	case 'r':
		piece = "\r"
	case 't':
		piece = "\t"
	case 'b':
		piece = "\b"
	case 'f':
		piece = "\f"
	case 'v':
		piece = "\v"
	case 'a':
		piece = "\a"
	case 'e':
		piece = "\x1b"
	case '"', '\'', '`', '/':
		piece = string(rune(letter))
	default:
		return `\`, i - start, false
	}
	return piece, i + 1 - start, letter == '/'
}

func readPercent(text string, start int) (piece string, length int) {
	i := start + 1
	// `%2520` was encoded twice.
	for at(text, i) == '2' && at(text, i+1) == '5' && isHexAt(text, i+2, 2) {
		i += 2
	}
	if isHexAt(text, i, 2) {
		return character(hexNumber(text, i, 2)), i + 2 - start
	}
	if at(text, i) == 'u' && isHexAt(text, i+1, 4) {
		return character(hexNumber(text, i+1, 4)), i + 5 - start
	}
	return "", 0
}

func readEntity(text string, start int) (piece string, length int) {
	i := start + 1
	for hasPrefixAt(text, i, "amp;") {
		i += 4
	}
	if i > start+1 {
		// `&amp;` alone, or several in one another, unless a reference follows.
		piece, length = "&", i-start
	}
	if at(text, i) == '#' {
		first, base := i+1, uint64(10)
		if c := at(text, i+1); c == 'x' || c == 'X' {
			first, base = i+2, 16
		}
		end, value := first, uint64(0)
		for end < first+7 && (isDigit(at(text, end)) || base == 16 && isHexDigit(at(text, end))) {
			value = value*base + hexDigit(text[end])
			end++
		}
		if end == first {
			return piece, length
		}
		if at(text, end) == ';' {
			end++
		}
		return character(value), end - start
	}
	end := i
	for end < i+longestEntity && isLetter(at(text, end)) {
		end++
	}
	if at(text, end) == ';' {
		if known, ok := entities[strings.ToLower(text[i:end])]; ok {
			return known, end + 1 - start
		}
	}
	return piece, length
}
