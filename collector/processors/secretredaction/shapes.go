package secretredaction

import (
	"regexp"
	"strings"
)

// What a value is by its shape that no secret is: a name, source, an address, a number, a sentence. The same as
// schemas/redaction-shapes.ts.

const (
	// mostPrefixes: signs before the first name of an expression: `*(*[]`.
	mostPrefixes = 6
	// mostProse: words of a text that are looked at for one of a sentence about passwords.
	mostProse = 3
)

// letterPairs tells, by two letters, whether they follow one another in words.
type letterPairs [26 * 26]bool

func newLetterPairs(seconds []string) *letterPairs {
	pairs := &letterPairs{}
	for first, letters := range seconds {
		for _, second := range []byte(letters) {
			if first < 26 && isLower(second) {
				pairs[first*26+int(second-'a')] = true
			}
		}
	}
	return pairs
}

// identifier: letters, digits, `_` and `$` up to end. isWords: it is made of words, as people name things, and not of what
// chance mixes.
type identifier struct {
	end, words        int
	isWords, hasDigit bool
}

// identifierAt is readIdentifier, once for all that ask for the same one.
func (r *readers) identifierAt(a *ahead, start, end int) identifier {
	if a.identifierStart != start || a.identifierLast != end {
		a.identifierStart, a.identifierLast = start, end
		a.identifier = r.readIdentifier(a.text, start, end)
	}
	return a.identifier
}

// readIdentifier reads the identifier at start. See readIdentifier in redaction-shapes.ts.
func (r *readers) readIdentifier(text string, start, end int) identifier {
	last := min(end, start+longestLook)
	words, letters, digits, known, odd, short := 0, 0, 0, 0, 0, 0
	isWords, isFirst := true, true
	i := start
	for i < last {
		c := text[i]
		if c == '_' || c == '$' {
			isFirst = true
			i++
			continue
		}
		if !isAlphanumeric(c) {
			break
		}
		from := i
		if isDigit(c) {
			for i < last && isDigit(text[i]) {
				i++
			}
			isWords = isWords && i-from <= 3
			digits += i - from
			isFirst = false
			continue
		}
		for i < last && isUpper(text[i]) {
			i++
		}
		upper := i - from
		for i < last && isLower(text[i]) {
			i++
		}
		small := i - from - upper
		if upper == 0 && small == 1 {
			isWords = isWords && isFirst
		}
		if upper == 1 && small == 1 {
			short++
		}
		if upper > 5 && small > 0 {
			isWords = false
		}
		// Capitals and digits in turn are a key in base32.
		if upper > 1 && small == 0 && digits > 0 && !isFirst {
			isWords = false
		}
		for j := from + 1; j < i; j++ {
			// An acronym's letters are no word's: `AdminAPIKeys`.
			if small > 0 && j < from+upper {
				continue
			}
			known++
			if !r.pairs[int((text[j-1]|32)-'a')*26+int((text[j]|32)-'a')] {
				odd++
			}
		}
		words++
		letters += upper + small
		isFirst = false
	}
	isWords = isWords && words > 0 && 2*letters >= 5*words && 3*digits <= letters && 4*odd <= known && 3*short <= words
	return identifier{end: i, words: words, isWords: isWords, hasDigit: digits > 0}
}

// isSource: `options.token`, `getToken(user)`, `match2[0]`, `(*api.Key)(x)`, `SecretString = ...`: source that names where a
// secret comes from.
func (r *readers) isSource(a *ahead, start, end int, isToken bool) bool {
	text := a.text
	i := start
	// `[NullString]::Value` of PowerShell.
	if at(text, i) == '[' {
		to := i + 1
		for to < end && (isLetter(text[to]) || text[to] == '.') {
			to++
		}
		if to > i+1 && hasPrefixAt(text, to, "]::") {
			return true
		}
	}
	// What stands before the name in an expression: a type's or pointer's sign, a bracket.
prefixes:
	for i < start+mostPrefixes {
		switch c := at(text, i); {
		case hasPrefixAt(text, i, "[]"):
			i += 2
		case c == '*' || c == '&' || c == '!' || c == '(':
			i++
		default:
			break prefixes
		}
	}
	isExpression := i > start
	words, first, hasDigit, isWords := 0, "", false, true
	for {
		from := i
		if !isLetter(at(text, i)) && at(text, i) != '_' {
			return false
		}
		name := r.identifierAt(a, i, end)
		i = name.end
		hasDigit = hasDigit || name.hasDigit
		isWords = isWords && name.isWords
		words++
		if words == 1 {
			first = text[from:max(from, i)]
		}
		if at(text, i) == '.' || hasPrefixAt(text, i, "::") || hasPrefixAt(text, i, "?.") {
			if text[i] == '.' {
				i++
			} else {
				i += 2
			}
			// `value.(bool)`, `data?.[0]`
			if c := at(text, i); c == '(' || c == '[' {
				return !hasDigit || isWords
			}
			if i < end && words < 8 {
				continue
			}
		}
		break
	}
	next := at(text, i)
	isPlain := !hasDigit || isWords
	word := strings.ToLower(first)
	if words == 1 {
		if r.sources[word] && (next == '[' || next == '?' || isSpace(next) || i == len(text)) {
			return true
		}
		// `sha256(`: too short for words.
		if next == '(' {
			if isPlain || isToken && i-start <= 8 {
				return true
			}
			for _, getter := range r.getters {
				if strings.HasPrefix(word, getter) {
					return true
				}
			}
			return false
		}
		if next == '[' || next == '{' || isExpression && next == ')' {
			return isPlain
		}
		// A type: `secret: SecretString = ...`, `secret: SecretString | None`.
		return i == end && isPlain && (isAssigned(text, i) || isUnion(text, start, i))
	}
	if i < end && next != '(' && next != '[' && next != '!' && next != '{' && next != ')' {
		return false
	}
	return next == '(' || r.sources[word] || !hasDigit || isToken && isWords
}

func isAssigned(text string, start int) bool {
	i := start
	for at(text, i) == ' ' && i < start+3 {
		i++
	}
	return i > start && at(text, i) == '=' && at(text, i+1) != '='
}

// isUnion tells whether a type at [start, end), which has a capital, is one of several: `HiddenText | None`.
func isUnion(text string, start, end int) bool {
	if !hasPrefixAt(text, end, " | ") || !(isLetter(at(text, end+3)) || at(text, end+3) == '_') {
		return false
	}
	for i := start; i < end; i++ {
		if isUpper(text[i]) {
			return true
		}
	}
	return false
}

// isSentence: a value with blanks that speaks of passwords.
func (r *readers) isSentence(text string, start, end int) bool {
	words := 0
	from := -1
	stop := min(end, start+longestLook)
	for i := start; i <= stop; i++ {
		if i < stop && isAlphanumeric(text[i]) {
			if from < 0 {
				from = i
			}
			continue
		}
		if from >= 0 {
			words++
			if r.prose[strings.ToLower(text[from:i])] {
				return true
			}
			from = -1
		}
	}
	return words > 12
}

// beginsSentence tells whether a value of small letters, which is no sentence by itself, begins one: `password: database
// password. Is typically`.
func (r *readers) beginsSentence(text string, start, end int) bool {
	for i := start; i < end; i++ {
		if !isLower(text[i]) && !(i == end-1 && (text[i] == '.' || text[i] == ',')) {
			return false
		}
	}
	i := end
	for words := 0; words < mostProse && at(text, i) == ' '; words++ {
		from := i + 1
		i = from
		for i < from+mostWords && isLetter(at(text, i)) {
			i++
		}
		if i == from || at(text, i) == ':' || at(text, i) == '=' {
			return false
		}
		if r.prose[strings.ToLower(text[from:i])] {
			return true
		}
	}
	return false
}

var (
	passwordsName = regexp.MustCompile(`^[A-Za-z_./-]{1,256}$`)
	passwordsWord = regexp.MustCompile(`pass|pwd|secret|token`)
	constantsName = regexp.MustCompile(`^[A-Z]{2,40}(?:_[A-Z]{2,40}){1,6}$`)
	address       = regexp.MustCompile(`^(?:arn:|projects/|vault:|op://|file:|sha1[:-]|sha256[:-]|sha384[:-]|sha512[:-]|hmac-sha[0-9]{3}:|md5:|[0-9]{4}-[0-9]{2}-[0-9]{2}|0x[0-9a-f]{1,16}$)`)
)

// isPasswordsName: `your_password`, `hashedPassword`, `auth/wrong-password`, `SENSITIVE_PLACEHOLDER`: letters that name the
// thing.
func isPasswordsName(text string, start, end int, isQuoted bool) bool {
	if end-start > longestLook {
		return false
	}
	name := text[start:end]
	return passwordsName.MatchString(name) && passwordsWord.MatchString(strings.ToLower(name)) || !isQuoted && constantsName.MatchString(name)
}

// isAddress: a digest, an address, a date, a number, a regular expression: what says where a secret is, or which one.
func isAddress(a *ahead, start, end int) bool {
	last := min(end, start+longestScheme)
	if a.has(kindScheme, start, last-2) || a.has(kindRange, start, last-3) {
		return true
	}
	return mayBeginAddress(a.text, start) && address.MatchString(strings.ToLower(a.text[start:last]))
}

// mayBeginAddress is a check before the regular expression: the first two letters of one, or the signs of a date or a number.
func mayBeginAddress(text string, start int) bool {
	first, second := at(text, start), lower(at(text, start+1))
	if isDigit(first) {
		return at(text, start+4) == '-' || second == 'x'
	}
	switch lower(first) {
	case 'a', 'p':
		return second == 'r'
	case 'v':
		return second == 'a'
	case 'o':
		return second == 'p'
	case 'f':
		return second == 'i'
	case 's':
		return second == 'h'
	case 'h':
		return second == 'm'
	case 'm':
		return second == 'd'
	}
	return false
}

// isPlatform: the rest of a name of a platform, after `cpe:2.3:a:passwd`: `base-passwd:3.5.43:*:*:*`.
func isPlatform(a *ahead, start, end int) bool {
	return a.has(kindPlatform, start, min(end, start+longestLook)-3)
}

func isJoint(c byte) bool { return strings.IndexByte("-_./:@^~", c) >= 0 }

// isNames: two words or more, with signs between, each of letters and a short number at most: `app-tls-2`, `^1.2.3-rc.1`.
func isNames(text string, start, end int) bool {
	if end-start > longestLook {
		return false
	}
	words := 0
	for i := start; words < mostWords; i++ {
		i = wordEnd(text, i, end)
		if i < end && !isJoint(text[i]) {
			return false
		}
		words++
		if i >= end {
			break
		}
	}
	return words > 1
}

// wordEnd is the end of a word at start: small letters, capitals, or both as in camelCase, and up to three digits.
func wordEnd(text string, start, end int) int {
	i := start
	run := func(isOf func(byte) bool, most int) int {
		from := i
		for i < end && i < from+most && isOf(text[i]) {
			i++
		}
		return i - from
	}
	if run(isUpper, 20) <= 1 && run(isLower, 20) > 0 && isLower(text[start]) {
		for parts := 0; parts < 6 && i+1 < end && isUpper(text[i]) && isLower(text[i+1]); parts++ {
			i++
			run(isLower, 20)
		}
	}
	run(isDigit, 3)
	return i
}

// isTokenName: what no token is: isNames, an identifier of two words, or several with signs and years between:
// `defaultToConfig2`, `files-api-2025-04-14`.
func (r *readers) isTokenName(a *ahead, start, end int) bool {
	text := a.text
	if isNames(text, start, end) {
		return true
	}
	if end-start > longestLook {
		return false
	}
	words, i := 0, start
	for parts := 0; parts < mostWords; parts++ {
		if isDigit(at(text, i)) {
			from := i
			for i < end && isDigit(text[i]) {
				i++
			}
			if i-from > 3 && !(i-from == 4 && (hasPrefixAt(text, from, "19") || hasPrefixAt(text, from, "20"))) {
				return false
			}
		} else {
			name := r.identifierAt(a, i, end)
			if !name.isWords {
				return false
			}
			words += name.words
			i = name.end
		}
		if i >= end {
			break
		}
		if !isJoint(text[i]) {
			return false
		}
		i++
		if i == end {
			return false
		}
	}
	return i >= end && words > 1
}

// isOnlyNamed tells whether a line that begins a key is only spoken of: `startsWith('-----BEGIN PRIVATE KEY-----')`, not the
// first of several strings.
func isOnlyNamed(text string, end int) bool {
	i := end
	for at(text, i) == '-' || at(text, i) == backslash {
		i++
	}
	if !isQuote(at(text, i)) {
		return false
	}
	i++
	for i < end+mostWords && (at(text, i) == ' ' || at(text, i) == backslash) {
		i++
	}
	return i < len(text) && (isNameByte(text[i]) || strings.IndexByte(");:.]}?=&|", text[i]) >= 0)
}
