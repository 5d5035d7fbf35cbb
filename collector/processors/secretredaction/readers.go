package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Readers read secrets that no regular expression describes: the value of an assignment, of an option or a header, user
// and password of a URL, a block with a BEGIN and an END. schemas/redaction-readers.ts has the same in TypeScript.
//
// A reader is given the place of a keyword and tells the secret's begin and end. Each looks at a bounded number of
// characters before it decides, and goes on without a bound only where the text is taken as a secret and so passed.

const (
	// A shorter value is not taken for a secret by its name alone.
	shortestValue = 8
	// Bytes that are looked at to decide whether a value is a secret.
	longestLook = 256
	// A quoted value that does not end within so many bytes has no end.
	longestQuoted = 1024
	longestName   = 60
	// Blanks between a name, a sign and a value: columns are aligned by them.
	longestGap = 32
	// Of the part of a command line in which the options of a program are looked for.
	longestCommand   = 1000
	longestAuthority = 512
	// How far an @ is looked for behind a character that usually ends an authority.
	longestOddPassword = 128
	// Backslashes that are counted: JSON in JSON, six times over.
	deepestEscape = 64
)

// strength says how much the shape of a value has to say: the name of a password says enough, that of a token does not.
type strength int

const (
	noSecret strength = iota
	tokenName
	passwordName
)

// taker is told that a secret stands at [start, end).
type taker func(start, end int)

// readers holds the words by which a secret is told from what only stands near one.
type readers struct {
	about, glued, literals, prose, sources, noUsers map[string]bool
	getters                                         []string
	commands                                        map[string][]string
}

func newReaders(v Vocabulary) *readers {
	set := func(words []string) map[string]bool {
		result := make(map[string]bool, len(words))
		for _, word := range words {
			result[word] = true
		}
		return result
	}
	return &readers{
		about: set(v.About), glued: set(v.Glued), literals: set(v.Literals), prose: set(v.Prose), sources: set(v.Sources), noUsers: set(v.NoUsers),
		getters: v.Getters, commands: v.Commands,
	}
}

// Names

// nameEnd returns where the name that has a secret's word at [start, end) ends, or -1 if it is another word or about a
// secret only.
func (r *readers) nameEnd(text string, end int) int {
	i := end
	// Beyond the longest name it is no name but a run of some other kind.
	if isNameByte(at(text, end+longestName)) {
		to := end + longestName
		for to >= end && isNameByte(text[to]) {
			to--
		}
		if to < end {
			return -1
		}
	}
	last := text[end-1]
	if isLetter(at(text, i)) && !(isLower(last) && isUpper(at(text, i))) {
		from := i
		for i++; isLetter(at(text, i)) && !(isLower(text[i-1]) && isUpper(text[i])) && i < end+longestName; i++ {
		}
		if !r.glued[strings.ToLower(text[from:i])] {
			return -1
		}
	}
	for isNameByte(at(text, i)) {
		if i >= end+longestName {
			return -1
		}
		i++
	}
	to := i
	for to > end && !isLetter(text[to-1]) {
		to--
	}
	from := to
	for from > end && isLetter(text[from-1]) {
		from--
		if isUpper(text[from]) && isLower(at(text, from+1)) {
			break
		}
	}
	if from < to && r.about[strings.ToLower(text[from:to])] {
		return -1
	}
	return i
}

// strengthOf: a password's name says enough; so does `DB_PASS`, but not `pass` alone.
func strengthOf(text string, start, end int) strength {
	word := strings.ToLower(text[start:end])
	if word == "pass" {
		if at(text, start-1) == '_' {
			return passwordName
		}
		return tokenName
	}
	if strings.HasPrefix(word, "pass") || word == "pwd" {
		return passwordName
	}
	return tokenName
}

// Values

type value struct {
	start, end int
	isQuoted   bool
}

func countBackslashes(text string, i int) int {
	count := 0
	for count < deepestEscape && at(text, i+count) == backslash {
		count++
	}
	return count
}

// readValue reads the value that begins at i, in quotes of any depth of escaping or without.
func readValue(text string, i int) (value, bool) {
	depth := countBackslashes(text, i)
	if quote := at(text, i+depth); isQuote(quote) {
		start := i + depth + 1
		if end := quotedEnd(text, start, quote, depth); end >= 0 {
			return value{start, end, true}, true
		}
		return readBare(text, start)
	}
	if length := typographicQuote(text, i); length > 0 {
		start := i + length
		for end := start; end < len(text) && end < start+longestQuoted; end++ {
			if isLineBreak(text[end]) {
				break
			}
			if typographicQuote(text, end) > 0 {
				return value{start, end, true}, true
			}
		}
		return readBare(text, start)
	}
	return readBare(text, i)
}

// quotedEnd returns where the text in quotes ends that was opened with `depth` backslashes before the quote; -1 if it
// does not in its line.
func quotedEnd(text string, start int, quote byte, depth int) int {
	count := 0
	for i := start; i < len(text) && i < start+longestQuoted; i++ {
		c := text[i]
		if c == backslash {
			count++
			continue
		}
		if isLineBreak(c) {
			return -1
		}
		// A quote inside the text has more backslashes than the one that ends it, by whole levels of escaping.
		if c == quote && (count < depth || count%(2*depth+2) == depth) {
			return i - min(count, depth)
		}
		count = 0
	}
	return -1
}

// readBare reads a value without quotes: up to a blank, a quote, or a sign that separates; brackets that it opens itself
// are of it.
func readBare(text string, start int) (value, bool) {
	return readBareTo(text, start, start+longestLook+1)
}

// wholeEnd is the end of a value that is taken: of a long one only the begin was looked at.
func wholeEnd(text string, v value) int {
	if v.isQuoted || v.end <= v.start+longestLook {
		return v.end
	}
	whole, _ := readBareTo(text, v.start, len(text))
	return whole.end
}

func readBareTo(text string, start, most int) (value, bool) {
	i, open := start, 0
	// ODBC's braces, in which signs that separate do not.
	if at(text, i) == '{' {
		if end := indexIn(text, '}', i, min(len(text), i+longestLook)); end >= 0 && !strings.ContainsFunc(text[i:end], isBlankOrQuote) {
			return value{start: start, end: end + 1}, true
		}
	}
	last := min(len(text), most)
scan:
	for i < last {
		switch bare[text[i]] {
		case bareEnd:
			break scan
		case bareBeyondASCII:
			if typographicQuote(text, i) > 0 {
				break scan
			}
		case bareOpen:
			open++
		case bareClose:
			if open == 0 && !isAlphanumeric(at(text, i+1)) {
				break scan
			}
			open = max(0, open-1)
		case bareBackslash:
			run := backslashesEnd(text, i, last+deepestEscape)
			// An escape has so many backslashes at most; those before them are of the value.
			if run >= len(text) || strings.IndexByte("nrtbfu\"'`/", text[run]) >= 0 {
				i = min(last, max(i, run-deepestEscape))
				break scan
			}
			i = min(last, run)
			continue
		}
		i++
	}
	return value{start: start, end: i}, i > start
}

// What a byte does to a value without quotes; 0 is a byte of the value.
const (
	bareEnd = iota + 1
	bareOpen
	bareClose
	bareBackslash
	bareBeyondASCII
)

var bare = func() (table [256]uint8) {
	for c := range table {
		switch c := byte(c); {
		case c <= ' ' || isQuote(c) || strings.IndexByte("<>,;&|", c) >= 0:
			table[c] = bareEnd
		case c == '(' || c == '[' || c == '{':
			table[c] = bareOpen
		case c == ')' || c == ']' || c == '}':
			table[c] = bareClose
		case c == backslash:
			table[c] = bareBackslash
		case c >= utf8.RuneSelf:
			table[c] = bareBeyondASCII
		}
	}
	return table
}()

// backslashesEnd returns where the backslashes that begin at i end, or most.
func backslashesEnd(text string, i, most int) int {
	for i < most && at(text, i) == backslash {
		i++
	}
	return i
}

func isBlankOrQuote(c rune) bool { return c <= ' ' || c == '"' || c == '\'' || c == '`' }

// isEscape tells whether one of the letters, or the text's end, stands behind the backslashes at i.
func isEscape(text string, i int, letters string) bool {
	next := i + countBackslashes(text, i)
	return next >= len(text) || strings.IndexByte(letters, text[next]) >= 0
}

// shape is what the characters of a value look like; counts are of code points.
type shape struct {
	length, digits, letters, upper int
	// Changes between small and capital letters.
	changes, spaces int
	// Whether all characters are the same.
	isUniform bool
}

func shapeOf(text string, start, end int) shape {
	s := shape{isUniform: true}
	if start >= end {
		return s
	}
	_, width := utf8.DecodeRuneInString(text[start:])
	first := text[start : start+width]
	for i := start; i < end && i < start+longestLook; i++ {
		c := text[i]
		if !startsRune(c) {
			continue
		}
		s.length++
		if s.isUniform && !hasPrefixAt(text, i, first) {
			s.isUniform = false
		}
		switch {
		case isDigit(c):
			s.digits++
		case isLetter(c):
			s.letters++
			if isUpper(c) {
				s.upper++
			}
			if i > start && isLetter(text[i-1]) && isUpper(text[i-1]) != isUpper(c) {
				s.changes++
			}
		case isSpace(c):
			s.spaces++
		}
	}
	return s
}

// isRandomCase: letters as chance mixes them; words change case at their begin only.
func (s shape) isRandomCase() bool { return s.letters >= 16 && s.upper > 0 && s.changes*4 >= s.letters }

// isSecretValue tells whether what stands at [start, end) is a secret, given that a secret's name says so.
func (r *readers) isSecretValue(text string, start, end int, isQuoted bool, name strength) bool {
	s := shapeOf(text, start, end)
	if s.length < shortestValue || s.isUniform {
		return false
	}
	if name == tokenName && (s.spaces > 0 || !(s.digits > 0 && s.letters > 0 || s.isRandomCase())) {
		return false
	}
	if isTemplate(text, start, end) || r.isLiteral(text, start, end) {
		return false
	}
	if !isQuoted && r.isSource(text, start, end) {
		return false
	}
	if s.spaces > 0 {
		return s.letters > 0 && !r.isSentence(text, start, end)
	}
	if name == passwordName {
		return !isPasswordsName(text, start, end, s) && !(text[start] == '/' && isNames(text, start, end))
	}
	return !isAddress(text, start, end) && !isNames(text, start, end)
}

// isNamedSecret tells whether the whole value of an attribute or entry is a secret, whose name says so: a password may even
// be a sentence.
func (r *readers) isNamedSecret(value string, name strength) bool {
	switch name {
	case tokenName:
		return r.isSecretValue(value, 0, len(value), true, name)
	case passwordName:
		s := shapeOf(value, 0, len(value))
		return s.length >= shortestValue && !s.isUniform && !isTemplate(value, 0, len(value)) && !r.isLiteral(value, 0, len(value))
	}
	return false
}

// isTemplate: what will be replaced by a secret, or has been.
func isTemplate(text string, start, end int) bool {
	first, second := at(text, start), at(text, start+1)
	last := at(text, end-1)
	switch {
	case first == '$' && (second == '{' || second == '(' || isNameByte(second) && isNameOnly(text, start+1, end)):
		return true
	case first == '%' && last == '%' && isNameOnly(text, start+1, end-1):
		return true
	case (first == '{' || first == '#' || first == '@') && second == '{':
		return true
	case first == '{' && last == '}' && isNameOnly(text, start+1, end-1):
		return true
	case (first == '[' || first == '{' || first == '(') && (start+1 >= len(text) || isQuote(second) || isSpace(second)):
		return true
	case first == '{' && isObject(text, start+1, end):
		return true
	case first == '<':
		return true
	}
	return isWordAt(text, start, "[redacted") || isWordAt(text, start, "[object") || hasPrefixAt(text, start, "***") ||
		hasPrefixAt(text, start, "...") || isWordAt(text, start, "xxxx")
}

// isObject: `name:` of source or JSON.
func isObject(text string, start, end int) bool {
	i := start
	for i < end && isNameByte(text[i]) {
		i++
	}
	return i > start && at(text, i) == ':'
}

// isNameOnly: letters, `_`, dots and later digits only, which is how a variable is named.
func isNameOnly(text string, start, end int) bool {
	for i := start; i < end && i < start+longestLook; i++ {
		c := text[i]
		if !isLetter(c) && c != '_' && c != '.' && c != ':' && !(isDigit(c) && i > start) {
			return false
		}
	}
	return end > start
}

func (r *readers) isLiteral(text string, start, end int) bool {
	if end-start > 20 {
		return false
	}
	word := strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + ('a' - 'A')
		}
		if c >= 'a' && c <= 'z' {
			return c
		}
		return ' '
	}, text[start:end])
	return r.literals[strings.TrimSpace(word)]
}

// isSource: `options.token`, `getToken(user)`, `SecretString = ...`: source that names where a secret comes from.
func (r *readers) isSource(text string, start, end int) bool {
	i, words, first, hasDigit := start, 0, "", false
	for {
		from := i
		if !isLetter(at(text, i)) && at(text, i) != '_' {
			return false
		}
		for i < end && i < start+longestLook && (isAlphanumeric(text[i]) || text[i] == '_') {
			hasDigit = hasDigit || isDigit(text[i])
			i++
		}
		words++
		if words == 1 {
			first = text[from:i]
		}
		if at(text, i) == '.' || hasPrefixAt(text, i, "::") || hasPrefixAt(text, i, "?.") {
			if text[i] == '.' {
				i++
			} else {
				i += 2
			}
			if i < end && words < 8 {
				continue
			}
		}
		break
	}
	next := at(text, i)
	word := strings.ToLower(first)
	if words == 1 {
		if r.sources[word] && (next == '[' || next == '?' || isSpace(next) || i == len(text)) {
			return true
		}
		if next == '(' {
			for _, getter := range r.getters {
				if strings.HasPrefix(word, getter) {
					return true
				}
			}
			return !hasDigit
		}
		// A type: `secret: SecretString = ...`.
		return i == end && !hasDigit && isAssigned(text, i)
	}
	if i < end && next != '(' && next != '[' && next != '!' {
		return false
	}
	return next == '(' || r.sources[word] || !hasDigit
}

func isAssigned(text string, start int) bool {
	i := start
	for at(text, i) == ' ' && i < start+3 {
		i++
	}
	return i > start && at(text, i) == '=' && at(text, i+1) != '='
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

var (
	passwordsName = regexp.MustCompile(`^[A-Za-z_.-]{1,256}$`)
	passwordsWord = regexp.MustCompile(`pass|pwd|secret|token`)
	address       = regexp.MustCompile(`^(?:arn:|projects/|vault:|op://|file:|sha1[:-]|sha256[:-]|sha384[:-]|sha512[:-]|md5:|[0-9]{4}-[0-9]{2}-[0-9]{2})`)
	nameWord      = regexp.MustCompile(`^(?:[a-z]{0,20}|[A-Z]{0,20}|[A-Z][a-z]{0,20}|[a-z]{1,20}(?:[A-Z][a-z]{1,20}){1,6})[0-9]{0,3}$`)
)

// isPasswordsName: `your_password`, `hashedPassword`: letters that have the name of the thing in them.
func isPasswordsName(text string, start, end int, s shape) bool {
	if s.digits > 0 || end-start > longestLook {
		return false
	}
	name := text[start:end]
	return passwordsName.MatchString(name) && passwordsWord.MatchString(strings.ToLower(name))
}

// isAddress: a digest, an address, a date: what says where a secret is, or which one.
func isAddress(text string, start, end int) bool {
	name := strings.ToLower(text[start:min(end, start+longestLook)])
	return address.MatchString(name) || strings.Contains(name, "://")
}

// isNames: two words or more, with signs between, each of letters and a short number at most: `app-tls-2`, `^1.2.3-rc.1`.
func isNames(text string, start, end int) bool {
	if end-start > longestLook {
		return false
	}
	words := 0
	from := start
	for i := start; i <= end; i++ {
		if i < end && strings.IndexByte("-_./:@^~", text[i]) < 0 {
			continue
		}
		if !nameWord.MatchString(text[from:i]) {
			return false
		}
		words++
		from = i + 1
	}
	return words > 1
}

// Assignments

// skipGap returns where the text goes on behind blanks, a line break or two, and colours.
func skipGap(text string, start int) int {
	i, breaks, seen := start, 0, 0
	for seen < longestGap {
		c := at(text, i)
		switch {
		case i >= len(text):
			return i
		case isLineBreak(c):
			if breaks == 2 {
				return i
			}
			breaks++
			i++
			seen++
		case isSpace(c):
			i++
			seen++
		case hasPrefixAt(text, i, "\u00a0"):
			i += 2
			seen++
		case hasPrefixAt(text, i, "\u200b") || hasPrefixAt(text, i, "\ufeff"):
			i += 3
			seen++
		case skipColour(text, i) > i:
			end := skipColour(text, i)
			seen += end - i
			i = end
		default:
			return i
		}
	}
	return i
}

// skipSign returns where a value begins behind the sign of an assignment at i, or -1.
func skipSign(text string, i int) int {
	// `a::b` is a path.
	if hasPrefixAt(text, i, "::") {
		return -1
	}
	if c := at(text, i); c != ':' && c != '=' && c != '?' {
		return -1
	}
	for _, sign := range [...]string{"=>", ":=", "===", "==", "?=", "=", ":"} {
		if hasPrefixAt(text, i, sign) {
			return skipGap(text, i+len(sign))
		}
	}
	return -1
}

// readAssignment reads what is assigned to the name that has a secret's word at [start, end).
func (r *readers) readAssignment(text string, start, end int, take taker) {
	i := r.nameEnd(text, end)
	if i < 0 {
		return
	}
	depth := countBackslashes(text, i)
	isNameQuoted := isQuote(at(text, i+depth))
	if isNameQuoted {
		i += depth + 1
	}
	if at(text, i) == ']' {
		i++
	}
	sign := skipSign(text, skipGap(text, i))
	from := sign
	if from < 0 {
		from = namedValue(text, i, start, isNameQuoted)
	}
	if from < 0 {
		return
	}
	v, ok := readValue(text, from)
	if !ok {
		return
	}
	// A list, a block or the next key of a file, and no value.
	if !v.isQuoted && v.end > v.start && (text[v.end-1] == ':' || sign < 0 && text[v.start] == '-') {
		return
	}
	// ODBC writes `PWD={...}`: after `=` and no blank.
	if !v.isQuoted && at(text, v.start) == '{' && !(at(text, i) == '=' && v.start == i+1) {
		return
	}
	if r.isSecretValue(text, v.start, v.end, v.isQuoted, strengthOf(text, start, end)) {
		take(start, wholeEnd(text, v))
	}
}

// namedValue returns where the value begins of an option (`--token X`), an element (`<password>X`), or an entry whose
// value is named (`name: X, value: Y`); or -1.
func namedValue(text string, i, start int, isNameQuoted bool) int {
	if at(text, i) == '>' && isElement(text, start) {
		return i + 1
	}
	gap := skipGap(text, i)
	if gap > i && isOption(text, start) {
		return gap
	}
	if !isNameQuoted && gap == i {
		return -1
	}
	j := gap
	isList := at(text, i) == ','
	if isList {
		j = skipGap(text, i+1)
	}
	if j == i {
		return -1
	}
	if isNameQuoted && isList && isOption(text, start) {
		return j
	}
	depth := countBackslashes(text, j)
	isQuoted := isQuote(at(text, j+depth))
	if isQuoted {
		j += depth + 1
	}
	if !isWordAt(text, j, "value") {
		return -1
	}
	j += 5
	if isQuoted {
		j += countBackslashes(text, j) + 1
	}
	return skipSign(text, skipGap(text, j))
}

// isOption tells whether the name at start ends what begins with a hyphen, or stands behind `set`.
func isOption(text string, start int) bool {
	i := start
	for i > 0 && i > start-40 && isNameByte(text[i-1]) {
		i--
	}
	if at(text, i) == '-' {
		return hasBoundary(text, i)
	}
	return i > 3 && text[i-1] == ' ' && isWordAt(text, i-4, "set") && hasBoundary(text, i-4)
}

func isElement(text string, start int) bool {
	i := start
	for i > 0 && i > start-40 && (isNameByte(text[i-1]) || text[i-1] == ':' || text[i-1] == '.') {
		i--
	}
	return at(text, i-1) == '<'
}

// readToken reads the value that stands at end, as of a token.
func (r *readers) readToken(text string, start, end int, take taker) {
	if v, ok := readValue(text, end); ok && r.isSecretValue(text, v.start, v.end, v.isQuoted, tokenName) {
		take(start, wholeEnd(text, v))
	}
}

// Headers

// credentialEnd is the end of the run of characters that a credential has.
func credentialEnd(text string, start int) int {
	return credentialEndTo(text, start, start+longestQuoted)
}

// credentialEndTo is the same, or `most`.
func credentialEndTo(text string, start, most int) int {
	i := start
	for ; i < len(text) && i < most; i++ {
		c := text[i]
		if c <= ' ' || isQuote(c) || typographicQuote(text, i) > 0 || c == backslash || strings.IndexByte("<>;,", c) >= 0 {
			break
		}
	}
	return i
}

func isCredential(text string, start, end int) bool {
	s := shapeOf(text, start, end)
	return s.length >= shortestValue && !s.isUniform && !isTemplate(text, start, end) && (s.digits > 0 || s.isRandomCase() || text[end-1] == '=')
}

// valueStart returns where the value of a header begins whose name ends at end, without its quote; or -1.
func valueStart(text string, end int) int {
	i := end
	if depth := countBackslashes(text, i); isQuote(at(text, i+depth)) {
		i += depth + 1
	}
	if at(text, i) == ']' {
		i++
	}
	sign := skipSign(text, skipGap(text, i))
	if sign < 0 {
		return -1
	}
	if depth := countBackslashes(text, sign); isQuote(at(text, sign+depth)) {
		return sign + depth + 1
	}
	return sign
}

// readAuthorization reads what follows the name of the header: a scheme, and what belongs to it.
func readAuthorization(text string, end int, take taker) {
	first := valueStart(text, end)
	if first < 0 {
		return
	}
	from := first
	to := credentialEnd(text, from)
	if at(text, to) == ' ' && isScheme(text, from, to) {
		from = to + 1
		for at(text, from) == ' ' && from < to+4 {
			from++
		}
		to = credentialEnd(text, from)
	}
	// `Digest username="...", response="..."`, `AWS4-HMAC-SHA256 Credential=..., Signature=...`
	for pair := pairEnd(text, from); pair >= 0; {
		to = pair
		if at(text, pair) != ',' || pair > first+longestCommand {
			break
		}
		next := pair + 1
		for at(text, next) == ' ' && next < pair+4 {
			next++
		}
		pair = pairEnd(text, next)
	}
	if isCredential(text, from, to) {
		take(first, credentialEndTo(text, to, len(text)))
	}
}

func isScheme(text string, start, end int) bool {
	if end-start > 24 || !isLetter(at(text, start)) {
		return false
	}
	for i := start; i < end; i++ {
		if !isNameByte(text[i]) {
			return false
		}
	}
	return end > start
}

// pairEnd returns the end of `name=value` at start, or -1.
func pairEnd(text string, start int) int {
	i := start
	for i < start+longestLook && (isNameByte(at(text, i)) || at(text, i) == '.') {
		i++
	}
	if i == start || at(text, i) != '=' {
		return -1
	}
	from := i + 1
	depth := countBackslashes(text, from)
	quote := at(text, from+depth)
	if !isQuote(quote) {
		return credentialEnd(text, from)
	}
	from += depth + 1
	if end := quotedEnd(text, from, quote, depth); end >= 0 {
		return end + depth + 1
	}
	return credentialEnd(text, from)
}

// readCookies reads the pairs of `Cookie` and `Set-Cookie`, if one of their values looks like a secret.
func readCookies(text string, end int, take taker) {
	first := valueStart(text, end)
	if first < 0 {
		return
	}
	isSecret, to := false, first
	for name := first; name < first+longestCommand; {
		from := name
		for name < from+longestLook && (isNameByte(at(text, name)) || at(text, name) == '.' || at(text, name) == '%') {
			name++
		}
		if name == from || at(text, name) != '=' {
			break
		}
		to = credentialEnd(text, name+1)
		isSecret = isSecret || isCredential(text, name+1, to)
		if at(text, to) != ';' {
			break
		}
		name = to + 1
		for at(text, name) == ' ' && name < to+4 {
			name++
		}
	}
	if isSecret {
		take(first, credentialEndTo(text, to, len(text)))
	}
}

// isBasicCredential takes what the pattern took if it is padded base64 or says `user:password`; `basic authentication`
// does neither.
func isBasicCredential(text string, start, end int) bool {
	if text[end-1] == '=' {
		return true
	}
	from := start + len("basic")
	for at(text, from) == ' ' || at(text, from) == '+' {
		from++
	}
	if from >= end {
		return false
	}
	decoded, ok := decodePrintable(text[from:end])
	return ok && strings.IndexByte(decoded, ':') >= 0
}

// URLs

// endsURL tells whether the character at i ends a URL wherever it stands.
func endsURL(text string, i int) bool {
	c := text[i]
	return c <= ' ' || isQuote(c) || c == '<' || c == '>' || typographicQuote(text, i) > 0
}

// isTextEscape tells whether a backslash at i begins an escape that ends a text, and is not a character of a password.
func isTextEscape(text string, i int) bool { return isEscape(text, i, "nrtu\"'`/") }

// readURL reads user and password of the URL that has `://` at start: up to the last @ of its authority.
func readURL(text string, start, end int, take taker) {
	i, sign, colon := end, -1, -1
	for ; i < len(text) && i < end+longestAuthority; i++ {
		c := text[i]
		if endsURL(text, i) || c == '/' || c == '?' || c == '#' || c == backslash && isTextEscape(text, i) {
			break
		}
		if c == '@' {
			sign = i
		}
		if c == ':' && colon < 0 {
			colon = i
		}
	}
	if sign < 0 && colon >= 0 && isNoPort(text, colon+1, i) {
		// The password has a sign in it that should have been encoded.
		for j := i; j < len(text) && j < i+longestOddPassword; j++ {
			c := text[j]
			if endsURL(text, j) || hasPrefixAt(text, j, "://") || c == backslash && isTextEscape(text, j) {
				break
			}
			if c == '@' && (isAlphanumeric(at(text, j+1)) || at(text, j+1) == '[') {
				sign = j
			}
		}
	}
	if sign <= end {
		return
	}
	if colon < 0 || colon > sign {
		if isUserToken(text, end, sign) {
			take(start, sign+1)
		}
		return
	}
	if colon+1 == sign {
		if isUserToken(text, end, colon) {
			take(start, sign+1)
		}
	} else if !isTemplateOnly(text, colon+1, sign) {
		take(start, sign+1)
	}
}

// isNoPort tells whether what follows the colon of a host is no port, so that the colon is before a password.
func isNoPort(text string, start, end int) bool {
	for i := start; i < end; i++ {
		if !isDigit(text[i]) {
			return text[start] != ']'
		}
	}
	return false
}

// isUserToken: a token in the place of a user's name.
func isUserToken(text string, start, end int) bool {
	s := shapeOf(text, start, end)
	return s.length >= 16 && s.digits > 0 && s.letters > 0 && !isTemplate(text, start, end) && !isNames(text, start, end)
}

// isTemplateOnly: all of it stands for a password: `${PASSWORD}`, `***`, a placeholder of ours.
func isTemplateOnly(text string, start, end int) bool {
	first, last := at(text, start), at(text, end-1)
	if first == '$' && (last == '}' || last == ')' || isNameOnly(text, start+1, end)) || first == '{' && last == '}' {
		return isTemplate(text, start, end)
	}
	if isWordAt(text, start, "[redacted") && indexIn(text, ']', start, end) == end-1 {
		return true
	}
	return first == '*' && shapeOf(text, start, end).isUniform
}

// readUserinfo reads user and password of an address without a scheme, around the @ at start.
func (r *readers) readUserinfo(text string, start, end int, take taker) {
	if !isHost(text, end) {
		return
	}
	i, others, slash, isURL := start, 0, -1, false
	for ; i > 0 && i > start-200; i-- {
		c := text[i-1]
		if c >= utf8.RuneSelf || endsURL(text, i-1) || strings.IndexByte("(),;|&=\\", c) >= 0 {
			break
		}
		if c == '@' {
			if others++; others > 3 {
				break
			}
		}
		if c == '/' && slash < 0 {
			slash = i - 1
		}
		if c == ':' && hasPrefixAt(text, i-1, "://") {
			isURL = true
		}
	}
	// Of a URL it is the last part of the path; its authority is not looked at here.
	if isURL {
		i = slash + 1
	}
	i = skipBareColour(text, i)
	for i < start && (text[i] == '/' || !hasBoundary(text, i)) {
		i++
	}
	colon := indexIn(text, ':', i, start)
	if colon <= i {
		return
	}
	for j := i; j < colon; j++ {
		if !isNameByte(text[j]) && strings.IndexByte(".%+~@", text[j]) < 0 {
			return
		}
	}
	if r.noUsers[strings.ToLower(text[i:colon])] {
		return
	}
	s := shapeOf(text, colon+1, start)
	isMixed := s.digits > 0 && s.letters > 0 || s.upper > 0 && s.upper < s.letters && s.changes > 1
	if s.length < 6 || !isMixed || isTemplate(text, colon+1, start) || isNames(text, colon+1, start) {
		return
	}
	take(i, end)
}

// isHost: a name with a domain of letters, an IPv4 address, or any name with a port.
func isHost(text string, start int) bool {
	i, dots, label, isNumeric := start, 0, start, true
	for ; i < start+253; i++ {
		c := at(text, i)
		if c == '.' && isAlphanumeric(at(text, i+1)) {
			dots++
			label = i + 1
		} else if !isAlphanumeric(c) && c != '-' {
			break
		} else if !isDigit(c) {
			isNumeric = false
		}
	}
	if i == start {
		return false
	}
	if at(text, i) == ':' && isDigit(at(text, i+1)) || isWordAt(text, start, "localhost") && i == start+9 {
		return true
	}
	if isNumeric {
		return dots == 3
	}
	if dots == 0 || i-label < 2 {
		return false
	}
	for j := label; j < i; j++ {
		if !isLetter(text[j]) {
			return false
		}
	}
	return true
}

// Blocks

var lastLine = regexp.MustCompile(`-{4,5} {0,1}END`)

// blockEnd is the end of the block whose first line ends at from: behind its last line, or of the text.
func blockEnd(text string, from int) int {
	found := lastLine.FindStringIndex(text[from:])
	if found == nil {
		return len(text)
	}
	i := from + found[1]
	dashes := strings.Index(text[i:min(len(text), i+80)], "----")
	if dashes < 0 {
		return i
	}
	end := i + dashes + 4
	if at(text, end) == '-' {
		end++
	}
	return end
}

// Command lines

type argument struct{ start, end, next int }

// nextArgument returns the argument that begins at or behind i, in or without quotes; false where the command ends.
func nextArgument(text string, i, limit int) (argument, bool) {
	for ; i < limit; i++ {
		c := text[i]
		if c == backslash && isLineBreak(at(text, i+1)) {
			if text[i+1] == '\r' {
				i++
			}
			i++
			continue
		}
		if c != ' ' && c != '\t' && c != ',' && !(c == '[' && isQuote(at(text, i+1))) {
			break
		}
	}
	if i >= limit || isLineBreak(text[i]) || strings.IndexByte(";|&)]}>", text[i]) >= 0 {
		return argument{}, false
	}
	depth := countBackslashes(text, i)
	if quote := at(text, i+depth); isQuote(quote) {
		start := i + depth + 1
		end := quotedEnd(text, start, quote, depth)
		return argument{start, end, end + depth + 1}, end >= 0
	}
	end := i
	for end < len(text) {
		c := text[end]
		if isSpace(c) || isQuote(c) || c == backslash && isTextEscape(text, end) || end >= limit && end >= i+longestCommand {
			break
		}
		end++
	}
	return argument{i, end, end}, end > i
}

// readCommand reads the secrets among the arguments of the program whose name is at [start, end). It returns where it has
// read up to.
func (r *readers) readCommand(text string, start, end int, take taker) int {
	i := end
	if isNameByte(at(text, i)) && text[end-1] != ' ' {
		return end
	}
	options := r.commands[strings.ToLower(text[start:end])]
	// The quote behind a program's name that stands alone in a list of arguments.
	if depth := countBackslashes(text, i); isQuote(at(text, i+depth)) && at(text, i+depth+1) == ',' {
		i += depth + 1
	}
	limit := min(len(text), end+longestCommand)
	wanted := byte(0)
	for {
		a, ok := nextArgument(text, i, limit)
		if !ok {
			return i
		}
		i = a.next
		if wanted != 0 {
			takeArgument(text, a.start, a.end, wanted, false, take)
			wanted = 0
			continue
		}
		for _, option := range options {
			name, sign := option, byte(' ')
			if last := option[len(option)-1]; strings.IndexByte(":%=~", last) >= 0 {
				name, sign = option[:len(option)-1], last
			}
			rest := a.start + len(name)
			if rest > a.end || !hasPrefixAt(text, a.start, name) {
				continue
			}
			isSigned := at(text, rest) == '=' || at(text, rest) == ' '
			switch {
			case rest == a.end:
				wanted = sign
			case isSigned:
				takeArgument(text, rest+1, a.end, sign, true, take)
			case !strings.HasPrefix(name, "--"):
				takeArgument(text, rest, a.end, sign, true, take)
			default:
				continue
			}
			break
		}
	}
}

// takeArgument takes the value of an option, by the sign behind the option; see schemas/redaction-vocabulary.ts.
func takeArgument(text string, start, end int, sign byte, isGlued bool, take taker) {
	if end <= start || isTemplateOnly(text, start, end) || isTemplate(text, start, end) {
		return
	}
	switch sign {
	case ':', '%':
		i := indexIn(text, sign, start, end)
		if i > start && i+1 < end && !isTemplateOnly(text, i+1, end) && !isTemplate(text, i+1, end) {
			take(start, end)
		}
		return
	case '=':
		if i := indexIn(text, '=', start, end); i >= 0 && i+1 < end && isCredential(text, i+1, end) {
			take(start, end)
		}
		return
	case '~':
		s := shapeOf(text, start, end)
		if !isGlued && (s.length < 6 || s.digits == 0 || s.letters == 0 || isNames(text, start, end)) {
			return
		}
	}
	if text[start] != '-' {
		take(start, end)
	}
}

// readUserFlag reads `user:password` behind `-u`, of whatever program: only where the password looks like one.
func readUserFlag(text string, start, end int, take taker) {
	v, ok := readValue(text, end)
	if !ok {
		return
	}
	colon := indexIn(text, ':', v.start, min(v.end, v.start+100))
	if colon <= v.start || colon >= v.end-1 {
		return
	}
	for i := v.start; i < colon; i++ {
		if isSpace(text[i]) {
			return
		}
	}
	s := shapeOf(text, colon+1, v.end)
	if s.length < 6 || s.letters == 0 || s.digits == 0 && s.upper == 0 || isTemplateOnly(text, colon+1, v.end) {
		return
	}
	if isTemplate(text, colon+1, v.end) || isNames(text, colon+1, v.end) {
		return
	}
	take(start, wholeEnd(text, v))
}
