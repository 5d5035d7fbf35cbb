package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"regexp"
	"slices"
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
	// Of what stands between a word and its value in a sentence or a prompt: `Password for alice: `.
	longestPrompt = 60
	// Of a value that says what a secret is, or that there is none.
	longestLiteral = 20
	// Blanks between a name, a sign and a value: columns are aligned by them.
	longestGap = 32
	// Of the part of a command line in which the options of a program are looked for.
	longestCommand   = 1000
	longestAuthority = 512
	// How far an @ is looked for behind a character that usually ends an authority.
	longestOddPassword = 128
	// Backslashes that are counted: JSON in JSON, six times over.
	deepestEscape = 64
	// Parts of the name of a cookie or of a pair, with signs between.
	mostParts = 16
	// Bytes that are looked at to tell chance from words by the case of the letters.
	longestCase = 64
	// Words that are looked at to tell names from a secret.
	mostWords = 16
	// Where in a value the scheme of a URL is looked for.
	longestScheme = 64
	// Bytes of base64 in which the colon of a user and password is looked for.
	longestBasic = 128
	// Pairs of a header: `Digest` has ten.
	mostPairs = 16
	// Entries of a list or object that are looked at, and how deep they stand in one another.
	mostEntries  = 8
	deepestInner = 3
	// Digits before the bar of a token.
	longestNumber = 16
	// Digits of an id: 20 of a snowflake or of nanoseconds, and some more.
	longestID = 28
	// The key of a service that has no form of its own.
	shortestKey = 14
	// Bytes behind the dot of a token of JSON in base64.
	shortestSignature = 16
)

// strength says how much the shape of a value has to say: the name of a password says enough, that of a token does not.
type strength int

const (
	noSecret strength = iota
	tokenName
	passwordName
)

// taker is called with the range [start, end) of a secret.
type taker func(start, end int)

// readers holds the words that distinguish a secret from other text beside it.
type readers struct {
	about, holders, literals, prose, sources         map[string]bool
	noUsers                                          map[string]bool
	serviceUsers, sharedLogins, fileEnds, homesBelow map[string]bool
	glued, getters                                   []string
	pairs                                            *letterPairs
	commands                                         map[string][]option
	longestAbout                                     int
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
		about: set(v.About), glued: v.Glued, holders: set(v.Holders), literals: set(v.Literals), prose: set(v.Prose), sources: set(v.Sources), noUsers: set(v.NoUsers),
		serviceUsers: set(v.ServiceUsers), sharedLogins: set(v.SharedLogins), fileEnds: set(v.FileEnds), homesBelow: set(v.HomesBelow),
		getters: v.Getters, pairs: newLetterPairs(v.Pairs), commands: optionsOf(v.Commands), longestAbout: longest(v.About),
	}
}

func longest(words []string) int {
	most := 0
	for _, word := range words {
		most = max(most, len(word))
	}
	return most
}

// Names

// nameEnd returns where the name that has a secret's word before end ends, or -1 if it is another word or about a secret
// only.
func (r *readers) nameEnd(a *ahead, end int) int {
	text := a.text
	runEnd := a.next(kindNameEnd, end, end+longestName+1)
	// Beyond the longest name it is no name but a run of some other kind.
	if runEnd > end+longestName {
		return -1
	}
	if isLetter(at(text, end)) && !isCamelCase(text[end-1], text[end]) && !r.isGlued(text, end) {
		return -1
	}
	if a.aboutRun != runEnd || end > a.aboutFrom {
		r.readAbout(a, end, runEnd)
	}
	if a.isAbout {
		return -1
	}
	return runEnd
}

// isCamelCase: a small letter and a capital are the end of a word and the begin of the next one.
func isCamelCase(c, next byte) bool { return isLower(c) && isUpper(next) }

// isGlued tells whether one of the words stands at i that may follow a name without a sign between.
func (r *readers) isGlued(text string, i int) bool {
	first := lower(text[i])
	for _, word := range r.glued {
		if word[0] != first || !isWordAt(text, i, word) {
			continue
		}
		end := i + len(word)
		if next := at(text, end); !isLetter(next) || isCamelCase(text[end-1], next) {
			return true
		}
	}
	return false
}

// readAbout reads the last word, no further back than end, of the name that ends at runEnd.
func (r *readers) readAbout(a *ahead, end, runEnd int) {
	text := a.text
	to := runEnd
	for to > end && !isLetter(text[to-1]) {
		to--
	}
	from := to
	for from > end && from >= to-r.longestAbout && isLetter(text[from-1]) {
		from--
		if isUpper(text[from]) && isLower(at(text, from+1)) {
			break
		}
	}
	a.aboutRun, a.aboutFrom = runEnd, from
	a.isAbout = from < to && r.about[strings.ToLower(text[from:to])]
}

// strengthOf: a password's name says enough; so does `DB_PASS`, but not `pass` alone.
func strengthOf(text string, start, end int) strength {
	if isWordAt(text, start, "pass") {
		if end-start > 4 || at(text, start-1) == '_' {
			return passwordName
		}
		return tokenName
	}
	if isWordAt(text, start, "pwd") {
		return passwordName
	}
	return tokenName
}

// Values

type value struct {
	start, end int
	isQuoted   bool
	// Whether it goes on behind end, where it was not looked at.
	isCut bool
}

func countBackslashes(text string, i int) int {
	count := 0
	for count < deepestEscape && at(text, i+count) == backslash {
		count++
	}
	return count
}

// readValue reads the value that begins at i, in quotes of any depth of escaping or without.
func readValue(a *ahead, i int) (value, bool) {
	text := a.text
	// `b'X'`, `N'X'`, `@"X"`: what languages write before a text.
	if i < len(text) && strings.IndexByte("bBrRuUnN@", text[i]) >= 0 && isQuote(at(text, i+1)) {
		i++
	}
	depth := countBackslashes(text, i)
	if quote := at(text, i+depth); isQuote(quote) {
		start := i + depth + 1
		if end := quotedEnd(text, start, quote, depth); end >= 0 {
			return value{start: start, end: end, isQuoted: true}, true
		}
		return readBare(a, start)
	}
	if length := typographicQuote(text, i); length > 0 {
		start := i + length
		for end := start; end < len(text) && end < start+longestQuoted; end++ {
			if isLineBreak(text[end]) {
				break
			}
			if typographicQuote(text, end) > 0 {
				return value{start: start, end: end, isQuoted: true}, true
			}
		}
		return readBare(a, start)
	}
	return readBare(a, i)
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

// wholeEnd is the end of a value that is taken: of a long one only the begin was looked at.
func wholeEnd(a *ahead, v value) int {
	if v.isCut {
		return bareEnd(a, v.start)
	}
	return v.end
}

// readBare reads a value without quotes: up to a blank, a quote, or a sign that separates; brackets that it opens itself
// are of it.
func readBare(a *ahead, start int) (value, bool) {
	// ODBC's braces, in which signs that separate do not.
	if at(a.text, start) == '{' {
		last := min(len(a.text), start+longestLook)
		if end := a.next(kindClosingBrace, start, last); end < last && !a.has(kindBlankOrQuote, start, end) {
			return value{start: start, end: end + 1}, true
		}
	}
	end := bareEnd(a, start)
	if last := start + longestLook + 1; end > last {
		return value{start: start, end: last, isCut: true}, true
	}
	return value{start: start, end: end}, end > start
}

// bareEnd is where the value ends: behind the bar of a token, if it has one.
func bareEnd(a *ahead, start int) int {
	end := a.valueEnd(start)
	if at(a.text, end) == '|' && isNumber(a.text, start, end) {
		return a.valueEnd(end + 1)
	}
	return end
}

// isNumber tells whether a number of few digits stands at [start, end), as before a bar and the secret of a token: `12|...`.
func isNumber(text string, start, end int) bool {
	if end > start+longestNumber {
		return false
	}
	for i := start; i < end; i++ {
		if !isDigit(text[i]) {
			return false
		}
	}
	return end > start && isAlphanumeric(at(text, end+1))
}

// lookEnd is the end of the part of a value that is looked at.
func lookEnd(start, end int) int { return min(end, start+longestLook) }

func hasDigit(a *ahead, start, end int) bool  { return a.has(kindDigit, start, lookEnd(start, end)) }
func hasLetter(a *ahead, start, end int) bool { return a.has(kindLetter, start, lookEnd(start, end)) }
func hasUpper(a *ahead, start, end int) bool  { return a.has(kindUpper, start, lookEnd(start, end)) }
func isMixed(a *ahead, start, end int) bool {
	return hasDigit(a, start, end) && hasLetter(a, start, end)
}

// isAsLong tells whether [start, end) has that many characters or more.
func isAsLong(text string, start, end, least int) bool {
	length := 0
	for i := start; i < end && length < least; i++ {
		if startsRune(text[i]) {
			length++
		}
	}
	return length >= least
}

// isUniform tells whether all characters are the same.
func isUniform(text string, start, end int) bool {
	if start >= end {
		return true
	}
	_, width := utf8.DecodeRuneInString(text[start:])
	first := text[start : start+width]
	for i := start; i < lookEnd(start, end); i++ {
		if startsRune(text[i]) && !hasPrefixAt(text, i, first) {
			return false
		}
	}
	return true
}

// readCase counts letters, capitals, and how often the two change.
func readCase(text string, start, end int) (letters, upper, changes int) {
	before := byte(0)
	for i := start; i < min(end, start+longestCase); i++ {
		c := text[i]
		if isLetter(c) {
			letters++
			if isUpper(c) {
				upper++
			}
			if isLetter(before) && isUpper(before) != isUpper(c) {
				changes++
			}
		}
		before = c
	}
	return letters, upper, changes
}

// isRandomCase: letters as chance mixes them; words change case at their begin only.
func isRandomCase(a *ahead, start, end int) bool {
	if !hasUpper(a, start, end) {
		return false
	}
	letters, _, changes := readCase(a.text, start, end)
	return letters >= 16 && changes*4 >= letters
}

// isRandom: letters and digits, letters of both cases, or a number too long for an id, as chance has them.
func isRandom(a *ahead, start, end int) bool {
	return isMixed(a, start, end) || isRandomCase(a, start, end) || isLongNumber(a.text, start, end)
}

// isLongNumber: digits only, more than any id, time or count has.
func isLongNumber(text string, start, end int) bool {
	if end-start <= longestID {
		return false
	}
	for i := start; i < lookEnd(start, end); i++ {
		if !isDigit(text[i]) {
			return false
		}
	}
	return true
}

// isSecretValue tells whether what stands at [start, end) is a secret, given that a secret's name says so.
func (r *readers) isSecretValue(a *ahead, start, end int, isQuoted bool, name strength) bool {
	text := a.text
	if !isAsLong(text, start, end, shortestValue) || isUniform(text, start, end) {
		return false
	}
	hasSpace := isQuoted && a.has(kindSpace, start, lookEnd(start, end))
	if name == tokenName && (hasSpace || !isRandom(a, start, end)) {
		return false
	}
	if isTemplate(text, start, end) || r.isLiteral(text, start, end) {
		return false
	}
	if !isQuoted && (r.isSource(a, start, end, name == tokenName) || isPlatform(a, start, end)) {
		return false
	}
	if hasSpace {
		return hasLetter(a, start, end) && !r.isSentence(text, start, end)
	}
	if strings.IndexByte("oar", at(text, start)) >= 0 && reference.MatchString(text[start:min(len(text), start+32)]) {
		return false
	}
	if name == passwordName {
		return !isPasswordsName(text, start, end, isQuoted) && !(text[start] == '/' && isNames(text, start, end))
	}
	return !isAddress(a, start, end) && !r.isTokenName(a, start, end)
}

// isNamedSecret tells whether the whole value of an attribute or entry is a secret, whose name says so: a password may even
// be a sentence.
func (r *readers) isNamedSecret(value string, name strength, a *ahead) bool {
	switch name {
	case tokenName:
		a.begin(value)
		return r.isSecretValue(a, 0, len(value), true, name)
	case passwordName:
		return isAsLong(value, 0, len(value), shortestValue) && !isUniform(value, 0, len(value)) && !isTemplate(value, 0, len(value)) &&
			!r.isLiteral(value, 0, len(value))
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
	case first == '{' && last == '}' && isNameOfVariable(text, start+1, end-1):
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

// isNameOfVariable: isNameOnly, and not of digits between letters twice, as chance has them.
func isNameOfVariable(text string, start, end int) bool {
	between := 0
	for i := start + 1; i < lookEnd(start, end-1); i++ {
		if isDigit(text[i]) && isLetter(text[i-1]) && isLetter(at(text, i+1)) {
			between++
		}
	}
	return between < 2 && isNameOnly(text, start, end)
}

// isLiteral tells whether it is one of the literals, between signs and digits if any.
func (r *readers) isLiteral(text string, start, end int) bool {
	if end-start > longestLiteral {
		return false
	}
	for start < end && !isLetter(text[start]) {
		start++
	}
	for end > start && !isLetter(text[end-1]) {
		end--
	}
	for i := start; i < end; i++ {
		if !isLetter(text[i]) {
			return false
		}
	}
	return r.literals[strings.ToLower(text[start:end])]
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
	length := signLength(text, i)
	if length == 0 {
		return -1
	}
	return skipGap(text, i+length)
}

// signLength is the length of `=`, `==`, `===`, `=>`, `:`, `:=`, `::=`, `:::=`, `?=`, `.=` or `+=` at i, or 0.
func signLength(text string, i int) int {
	next := at(text, i+1)
	switch c := at(text, i); {
	case c == '=' && next == '=' && at(text, i+2) == '=':
		return 3
	case c == '=' && (next == '=' || next == '>'):
		return 2
	case c == ':' && next == ':':
		// `a::b` is a path, `::=` a rule's or Makefile's assignment.
		if hasPrefixAt(text, i, "::=") {
			return 3
		}
		if hasPrefixAt(text, i, ":::=") {
			return 4
		}
		return 0
	case (c == ':' || c == '?' || c == '.' || c == '+') && next == '=':
		return 2
	case c == '=' || c == ':':
		return 1
	case hasPrefixAt(text, i, "：") || hasPrefixAt(text, i, "＝"):
		return len("：")
	}
	return 0
}

// readAssignment reads what is assigned to the name that has a secret's word at [start, end).
func (r *readers) readAssignment(a *ahead, start, end int, take taker) {
	text := a.text
	i := r.nameEnd(a, end)
	if i < 0 {
		return
	}
	name := strengthOf(text, start, end)
	// `password` has `pass` in it: the value is read once, or twice where a second word of the name says more.
	if i == a.nameRead && name <= a.nameStrength {
		return
	}
	a.work.charge(workReader)
	a.nameRead, a.nameStrength = i, name
	depth := countBackslashes(text, i)
	isNameQuoted := isQuote(at(text, i+depth))
	if isNameQuoted {
		i += depth + 1
	}
	if at(text, i) == ']' {
		i++
	}
	sign := skipSign(text, skipGap(text, i))
	from := -1
	if sign < 0 {
		from = r.namedValue(text, i, start, isNameQuoted)
	} else {
		from = behindType(text, sign)
	}
	if from < 0 {
		if !isNameQuoted {
			if said := saidValue(a, i, start); said >= 0 {
				r.takeSaid(a, said, start, take)
			}
		}
		return
	}
	// `arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-1a2b3c`
	if sign == i+1 && at(text, start-1) == ':' && account.MatchString(text[max(0, start-13):start]) {
		return
	}
	// `https://token:...@host`: the user of a URL.
	if at(text, i) == ':' && sign == i+1 && isUser(text, start) {
		return
	}
	if r.readInner(a, from, start, name, deepestInner, take) {
		return
	}
	v, ok := readValue(a, from)
	if !ok {
		return
	}
	if !isAsLong(text, v.start, v.end, shortestValue) {
		// Counts of tokens are the most frequent candidates of genuine text, and cheap to read.
		a.work.charge(-workJudged)
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
	if !v.isQuoted && at(text, i) == ':' && r.beginsSentence(text, v.start, v.end) {
		return
	}
	if r.isSecretValue(a, v.start, v.end, v.isQuoted, name) {
		take(start, wholeEnd(a, v))
	}
}

// readInner reads the values of a list (`[X, Y]`) at i, or the one of an object or block whose name says so
// (`{"value": X}`); it tells whether there is one. What stands first is taken from start on.
func (r *readers) readInner(a *ahead, i, start int, name strength, depth int, take taker) bool {
	text := a.text
	// A placeholder is no list, and a regular expression's class neither: `[0-9A-Z]`.
	if depth == 0 || isWordAt(text, i, "[redacted") || at(text, i+2) == '-' {
		return false
	}
	if at(text, i) != '[' {
		inner := -1
		if at(text, i) == '{' {
			inner = r.heldValue(a, skipGap(text, i+1), mostEntries)
		} else {
			inner = r.heldValue(a, i, 1)
		}
		if inner < 0 {
			return false
		}
		if !r.readInner(a, inner, start, name, depth-1, take) {
			r.takeValue(a, inner, start, name, take)
		}
		return true
	}
	place := skipGap(text, i+1)
	isFound := false
	for entries := range mostEntries {
		if entries == 0 && at(text, place) == '{' {
			return r.readInner(a, place, start, name, depth-1, take)
		}
		v, ok := readValue(a, place)
		// `[NullString]::Value` of PowerShell.
		if !ok || text[place] == ']' || hasPrefixAt(text, v.end, "]:") {
			break
		}
		// `[constants_1.Socks5Auth.NoAuth]`
		isMember := !v.isQuoted && name == tokenName && strings.IndexByte(text[v.start:v.end], '.') >= 0
		if !isMember && r.isSecretValue(a, v.start, v.end, v.isQuoted, name) {
			from := place
			if entries == 0 {
				from = start
			}
			take(from, wholeEnd(a, v))
			isFound = true
		}
		if v.isCut {
			break
		}
		if place = skipGap(text, behind(text, v)); at(text, place) != ',' {
			break
		}
		place = skipGap(text, place+1)
	}
	return isFound
}

// behind returns where a value's closing quote ends.
func behind(text string, v value) int {
	if !v.isQuoted {
		return v.end
	}
	if length := typographicQuote(text, v.end); length > 0 {
		return v.end + length
	}
	return v.end + countBackslashes(text, v.end) + 1
}

// heldValue returns where the value begins that an entry of an object or block at start holds, by its name; -1 if none of
// the first most does.
func (r *readers) heldValue(a *ahead, start, most int) int {
	text := a.text
	i := start
	for range most {
		depth := countBackslashes(text, i)
		isNameQuoted := isQuote(at(text, i+depth))
		if isNameQuoted {
			i += depth + 1
		}
		for i < len(text) && strings.IndexByte("#$_@", text[i]) >= 0 && i < start+longestLook {
			i++
		}
		end := a.next(kindNameEnd, i, i+longestName)
		if end <= i {
			return -1
		}
		isHolder := r.holders[strings.ToLower(text[i:end])]
		i = end
		if depth = countBackslashes(text, end); isNameQuoted && isQuote(at(text, end+depth)) {
			i = end + depth + 1
		}
		if i = skipSign(text, skipGap(text, i)); i < 0 || isHolder {
			return i
		}
		if most == 1 {
			return -1
		}
		v, ok := readValue(a, i)
		if !ok || v.isCut || v.end > start+longestLook {
			return -1
		}
		valueEnd := behind(text, v)
		// HCL has a line for each entry.
		if i = skipGap(text, valueEnd); at(text, i) == ',' {
			i = skipGap(text, i+1)
		} else if !strings.ContainsAny(text[valueEnd:i], "\r\n") {
			return -1
		}
	}
	return -1
}

var (
	// Words between a secret's name and its value.
	says      = [...]string{"is ", "was ", "to "}
	account   = regexp.MustCompile(`[0-9]{12}:$`)
	setting   = regexp.MustCompile(`(?i)(?:^|[^A-Za-z0-9_])set(?:x|env)?(?: -[A-Za-z]{1,3})? $`)
	dumped    = regexp.MustCompile(`^\([0-9]{1,6}\) `)
	reference = regexp.MustCompile(`^(?:op://|arn:aws|ref\+[a-z]{2,20}://)`)
)

// saidValue returns where the value begins of a word in a sentence (`password is X`), a prompt (`Password for alice: X`,
// `Secret Access Key [None]: X`), a table whose lines begin with it (`password    X`), or SQL (`PASSWORD 'X'`); or -1.
func saidValue(a *ahead, end, start int) int {
	text := a.text
	i := end
	for i <= end+longestGap && (at(text, i) == ' ' || at(text, i) == '\t') {
		i++
	}
	// The verb, and `Bearer auth is`.
	if i == end || i > end+longestGap || strings.EqualFold(text[start:end], "pass") || strings.EqualFold(text[start:end], "auth") {
		return -1
	}
	if c := at(text, i); c == '\'' || c == '"' {
		return i
	}
	for _, word := range says {
		if isWordAt(text, i, word) {
			return i + len(word)
		}
	}
	if at(text, i) == '[' || isWordAt(text, i, "for ") {
		last := min(len(text), i+longestPrompt)
		for j := a.next(kindPromptSign, i, last); j < last; j = a.next(kindPromptSign, j+1, last) {
			if text[j] != ':' {
				return -1
			}
			if at(text, j+1) == ' ' {
				return j + 2
			}
		}
		if len(text) < i+longestPrompt {
			return -1
		}
	}
	if i < end+2 && at(text, end) != '\t' {
		return -1
	}
	begin := start
	for begin > 0 && begin > start-40 && isNameByte(text[begin-1]) {
		begin--
	}
	if begin == 0 || isLineBreak(text[begin-1]) {
		return i
	}
	return -1
}

// takeSaid takes the value at i, which only its shape tells from a word, from start on.
func (r *readers) takeSaid(a *ahead, i, start int, take taker) {
	text := a.text
	v, ok := readValue(a, i)
	if !ok || !isMixed(a, v.start, v.end) {
		return
	}
	if word := r.readIdentifier(text, v.start, v.end); word.isWords && word.end == v.end {
		return
	}
	if r.isSecretValue(a, v.start, v.end, v.isQuoted, tokenName) {
		take(start, wholeEnd(a, v))
	}
}

// takeValue takes the value at i from start on, if it is a secret.
func (r *readers) takeValue(a *ahead, i, start int, name strength, take taker) {
	if v, ok := readValue(a, i); ok && r.isSecretValue(a, v.start, v.end, v.isQuoted, name) {
		take(start, wholeEnd(a, v))
	}
}

// behindType returns where the value begins of `token: string = X` and `token string = X`, if a type stands at i; else i.
func behindType(text string, i int) int {
	if !isWordAt(text, i, "string") {
		return i
	}
	// `string(12) "X"`: PHP's var_dump.
	if length := dumped.FindString(text[i+6 : min(len(text), i+16)]); length != "" {
		return i + 6 + len(length)
	}
	gap := skipGap(text, i+6)
	if at(text, gap) != '=' {
		return i
	}
	return skipSign(text, gap)
}

// isUser tells whether the name at start begins the authority of a URL.
func isUser(text string, start int) bool {
	i := start
	for i > 0 && i > start-40 && isNameByte(text[i-1]) {
		i--
	}
	return hasPrefixAt(text, i-3, "://")
}

// namedValue returns where the value begins of an option (`--token X`), an element (`<password>X`), or an entry whose
// value is named (`name: X, value: Y`); or -1.
func (r *readers) namedValue(text string, i, start int, isNameQuoted bool) int {
	if at(text, i) == '>' && isElement(text, start) {
		return skipGap(text, i+1)
	}
	if hasPrefixAt(text, i, "::") {
		if isWorkflowCommand(text, start) {
			return i + 2
		}
		return -1
	}
	gap := skipGap(text, i)
	if gap > i && behindType(text, gap) > gap {
		return behindType(text, gap)
	}
	if gap > i && isOption(text, start) {
		return gap
	}
	// A block of HCL: `variable "db_password" { ... }`.
	if isNameQuoted && at(text, gap) == '{' {
		return gap
	}
	if hasPrefixAt(text, i, "</") {
		return r.nextElement(text, i)
	}
	isList := at(text, i) == ','
	if !isNameQuoted && gap == i && !isList {
		return -1
	}
	j := gap
	if isList {
		j = skipGap(text, i+1)
	}
	if j == i {
		return -1
	}
	if isNameQuoted && isList && (isOption(text, start) || isFirstArgument(text, i, start, j)) {
		return j
	}
	depth := countBackslashes(text, j)
	isQuoted := isQuote(at(text, j+depth))
	if isQuoted {
		j += depth + 1
	}
	// `ParameterValue` is one too.
	name := j
	for j < name+longestGap && isLetter(at(text, j)) {
		j++
	}
	if !isWordAt(text, max(name, j-5), "value") {
		return -1
	}
	if isQuoted {
		j += countBackslashes(text, j) + 1
	}
	return skipSign(text, skipGap(text, j))
}

// nextElement returns where the text begins of the element behind `</name>` at i, if it holds a value: `<string>`,
// `<value>`; or -1.
func (r *readers) nextElement(text string, i int) int {
	end := strings.IndexByte(text[i:min(len(text), i+longestGap)], '>')
	if end < 0 {
		return -1
	}
	open := skipGap(text, i+end+1)
	if at(text, open) != '<' {
		return -1
	}
	if end = strings.IndexByte(text[open:min(len(text), open+longestGap)], '>'); end < 0 {
		return -1
	}
	if name := strings.ToLower(text[open+1 : open+end]); name != "string" && !r.holders[name] {
		return -1
	}
	return skipGap(text, open+end+1)
}

// isFirstArgument tells whether the name is the first argument of a call, and the value in quotes of the same kind the
// second: `set("token", "X")`.
func isFirstArgument(text string, end, start, next int) bool {
	quote := at(text, end-1)
	i := start
	for i > 0 && i > start-40 && (isNameByte(text[i-1]) || text[i-1] == '.') {
		i--
	}
	if at(text, i-1) != quote || at(text, next+countBackslashes(text, next)) != quote {
		return false
	}
	i -= 2
	for i > 0 && (text[i] == backslash || text[i] == ' ') && i > start-60 {
		i--
	}
	return at(text, i) == '('
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
	return at(text, i-1) == ' ' && mayEndSet(text, i-2) && setting.MatchString(text[max(0, i-14):i])
}

// mayEndSet is a check before the regular expression of isOption: the last letter of `set`, `setx` and `setenv`, or a hyphen before
// three letters at most.
func mayEndSet(text string, last int) bool {
	switch lower(at(text, last)) {
	case 't', 'x', 'v':
		return true
	}
	return last > 0 && strings.IndexByte(text[max(0, last-3):last], '-') >= 0
}

var workflowCommand = regexp.MustCompile(`::(?:set-output|set-env|save-state) name=$`)

// isWorkflowCommand tells whether the name at start is what a command of a GitHub workflow sets:
// `::set-output name=token::X`.
func isWorkflowCommand(text string, start int) bool {
	i := start
	for i > 0 && i > start-40 && isNameByte(text[i-1]) {
		i--
	}
	return workflowCommand.MatchString(text[max(0, i-18):i])
}

func isElement(text string, start int) bool {
	i := start
	for i > 0 && i > start-40 && (isNameByte(text[i-1]) || text[i-1] == ':' || text[i-1] == '.') {
		i--
	}
	return at(text, i-1) == '<'
}

// readToken reads the value that stands at end, as of a token.
func (r *readers) readToken(a *ahead, start, end int, take taker) {
	if v, ok := readValue(a, end); ok && r.isSecretValue(a, v.start, v.end, v.isQuoted, tokenName) {
		take(start, wholeEnd(a, v))
	}
}

// readVendor reads the value that stands at end, behind the name of a service: letters, digits and the signs of base64 and
// URLs, chance in all of it, and no shorter than any service's key.
func (r *readers) readVendor(a *ahead, start, end int, take taker) {
	text := a.text
	v, ok := readValue(a, end)
	if !ok || v.isCut {
		return
	}
	to := v.start
	for to < v.end && (isNameByte(text[to]) || strings.IndexByte("+/=.%~", text[to]) >= 0 || text[to] == ':' && isNumber(text, v.start, to)) {
		to++
	}
	// A colour's escape character may be lost: `...[0m`.
	if to < v.start+shortestKey || to < v.end && text[to] != '[' {
		return
	}
	if !hasDigit(a, v.start, to) || text[v.start] == '/' || isPort(text, v.start) {
		return
	}
	if r.isSecretValue(a, v.start, to, v.isQuoted, tokenName) {
		take(start, v.end)
	}
}

// isPort tells whether a port and a path stand at start, behind the colon of a service's host: `2181/kafka`.
func isPort(text string, start int) bool {
	i := start
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i > start && i <= start+5 && at(text, i) == '/'
}

// jwtEnd returns the end of the token of JSON in base64 that begins at start: behind a dot another part must stand; -1 if
// none does.
func jwtEnd(a *ahead, start int) int {
	text := a.text
	end := a.next(kindNameEnd, start, len(text))
	first := end
	for at(text, end) == '.' && isNameByte(at(text, end+1)) {
		end = a.next(kindNameEnd, end+1, len(text))
	}
	if end-first > shortestSignature || hasPrefixAt(text, first, ".eyJ") {
		return end
	}
	return -1
}

// Headers

// credentialEnd is the end of the run of characters that a credential has.
func credentialEnd(a *ahead, start int) int {
	return a.next(kindCredentialEnd, start, start+longestQuoted)
}

func (r *readers) isCredential(a *ahead, start, end int) bool {
	text := a.text
	return isAsLong(text, start, end, shortestValue) && (hasDigit(a, start, end) || text[end-1] == '=' || isRandomCase(a, start, end)) &&
		!isUniform(text, start, end) && !isTemplate(text, start, end) && !isAddress(a, start, end) && !r.isTokenName(a, start, end)
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
func (r *readers) readAuthorization(a *ahead, end int, take taker) {
	text := a.text
	first := valueStart(text, end)
	if first < 0 {
		return
	}
	a.work.charge(workReader)
	from := first
	to := credentialEnd(a, from)
	if at(text, to) == ' ' && isScheme(text, from, to) {
		from = to + 1
		for at(text, from) == ' ' && from < to+4 {
			from++
		}
		to = credentialEnd(a, from)
	}
	// `Digest username="...", response="..."`, `AWS4-HMAC-SHA256 Credential=..., Signature=...`
	pair := pairEnd(a, from)
	for pairs := 1; pair >= 0; pairs++ {
		to = pair
		if at(text, pair) != ',' || pairs == mostPairs {
			break
		}
		next := pair + 1
		for at(text, next) == ' ' && next < pair+4 {
			next++
		}
		pair = pairEnd(a, next)
	}
	if r.isCredential(a, from, to) {
		take(first, a.next(kindCredentialEnd, to, len(text)))
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

// pairName returns where the name that begins at start ends: letters, digits, `_`, `-` and signs.
func pairName(a *ahead, start int, signs string) int {
	i := start
	for range mostParts {
		i = a.next(kindNameEnd, i, start+longestLook)
		if i >= len(a.text) || strings.IndexByte(signs, a.text[i]) < 0 {
			break
		}
		i++
	}
	return i
}

// pairEnd returns the end of `name=value` at start, or -1.
func pairEnd(a *ahead, start int) int {
	text := a.text
	i := pairName(a, start, ".")
	if i == start || at(text, i) != '=' {
		return -1
	}
	from := i + 1
	depth := countBackslashes(text, from)
	quote := at(text, from+depth)
	if !isQuote(quote) {
		return credentialEnd(a, from)
	}
	from += depth + 1
	if end := quotedEnd(text, from, quote, depth); end >= 0 {
		return end + depth + 1
	}
	return credentialEnd(a, from)
}

// readCookies reads the pairs of `Cookie` and `Set-Cookie`, if one of their values looks like a secret.
func (r *readers) readCookies(a *ahead, end int, take taker) {
	text := a.text
	first := valueStart(text, end)
	if first < 0 {
		return
	}
	a.work.charge(workReader)
	isSecret, to, name := false, first, first
	for name < first+longestCommand {
		// Pairs that were read for the name before, and hold no secret.
		if name > a.cookiesFrom && name < a.cookiesTo {
			name = a.cookiesTo
		}
		from := name
		name = pairName(a, from, ".%")
		if name == from || at(text, name) != '=' {
			break
		}
		to = credentialEnd(a, name+1)
		isSecret = isSecret || r.isCredential(a, name+1, to)
		if at(text, to) != ';' {
			break
		}
		name = to + 1
		for at(text, name) == ' ' && name < to+4 {
			name++
		}
	}
	if isSecret {
		take(first, a.next(kindCredentialEnd, to, len(text)))
	} else {
		a.cookiesFrom, a.cookiesTo = first, name
	}
}

// basicEnd is the end of what follows the scheme `Basic`, if it is padded base64 or says `user:password`; -1 of `basic
// authentication`.
func basicEnd(a *ahead, start int) int {
	text := a.text
	from := start + len("basic")
	for at(text, from) == ' ' || at(text, from) == '+' {
		from++
	}
	padding := a.next(kindNotBase64, from, from+longestQuoted)
	end := padding
	for end < padding+2 && at(text, end) == '=' {
		end++
	}
	if end > padding || saysUserAndPassword(text, from, min(padding, from+longestBasic)) {
		return end
	}
	return -1
}

// URLs

// endsURL tells whether the character at i ends a URL wherever it stands.
func endsURL(text string, i int) bool {
	c := text[i]
	return c <= ' ' || isQuote(c) || c == '<' || c == '>' || typographicQuote(text, i) > 0
}

// isTextEscape tells whether a backslash at i begins an escape that ends a text, and is not a character of a password.
func isTextEscape(a *ahead, i int) bool {
	next := a.next(kindNotBackslash, i, i+deepestEscape)
	return next >= len(a.text) || strings.IndexByte("nrtu\"'`/", a.text[next]) >= 0
}

// readURL reads user and password of the URL that has `://` at start: up to the last @ of its authority.
func (r *readers) readURL(a *ahead, start, end int, take taker) {
	text := a.text
	a.work.charge(workPart)
	i, sign, colon := end, -1, -1
	for ; i < len(text) && i < end+longestAuthority; i++ {
		c := text[i]
		if endsURL(text, i) || c == '/' || c == '?' || c == '#' || c == backslash && isTextEscape(a, i) {
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
			if endsURL(text, j) || hasPrefixAt(text, j, "://") || c == backslash && isTextEscape(a, j) {
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
		if r.isUserToken(a, end, sign) {
			take(start, sign+1)
		}
		return
	}
	if colon+1 == sign {
		if r.isUserToken(a, end, colon) {
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
func (r *readers) isUserToken(a *ahead, start, end int) bool {
	text := a.text
	return isAsLong(text, start, end, 16) && isMixed(a, start, end) && !isTemplate(text, start, end) && !r.isTokenName(a, start, end)
}

// isTemplateOnly: all of it is a placeholder for a password: `${PASSWORD}`, `***`, or one of redaction.
func isTemplateOnly(text string, start, end int) bool {
	first, last := at(text, start), at(text, end-1)
	if first == '$' && (last == '}' || last == ')' || isNameOnly(text, start+1, end)) || first == '{' && last == '}' {
		return isTemplate(text, start, end)
	}
	if isWordAt(text, start, "[redacted") && indexIn(text, ']', start, end) == end-1 {
		return true
	}
	return first == '*' && isUniform(text, start, end)
}

// readUserinfo reads user and password of an address without a scheme, around the @ at start.
func (r *readers) readUserinfo(a *ahead, start, end int, take taker) {
	text := a.text
	if !isHost(text, end) {
		return
	}
	i := a.userStart(start)
	if a.next(kindColon, i, start) == start {
		return
	}
	a.work.charge(workReader)
	i = skipBareColour(text, i)
	for i < start && (text[i] == '/' || !hasBoundary(text, i)) {
		i++
	}
	colon := a.next(kindColon, i, start)
	if colon == i || !isAsLong(text, colon+1, start, 6) {
		return
	}
	for j := i; j < colon; j++ {
		if !isNameByte(text[j]) && strings.IndexByte(".%+~@", text[j]) < 0 {
			return
		}
	}
	if !isUserPassword(a, colon+1, start) || r.noUsers[strings.ToLower(text[i:colon])] {
		return
	}
	if isTemplate(text, colon+1, start) || isNames(text, colon+1, start) {
		return
	}
	take(i, end)
}

// isUserPassword tells whether a password stands at [start, sign), before the @ at sign.
func isUserPassword(a *ahead, start, sign int) bool {
	if isMixed(a, start, sign) {
		return true
	}
	letters, upper, changes := readCase(a.text, start, sign)
	// A password of small letters is distinguished from a word by the port behind the host.
	return upper > 0 && upper < letters && changes > 1 || letters >= shortestValue && hasPort(a.text, sign+1)
}

// hasPort tells whether a host and its port stand at start.
func hasPort(text string, start int) bool {
	i := start
	for i < start+253 && (isAlphanumeric(at(text, i)) || at(text, i) == '-' || at(text, i) == '.') {
		i++
	}
	return at(text, i) == ':' && isDigit(at(text, i+1))
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

// blockEnd is the end of the block whose first line ends at from: behind its last line, or of the text; -1 if it is only
// spoken of.
func blockEnd(text string, from int) int {
	if isOnlyNamed(text, from) {
		return -1
	}
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

// argument of a command line at [start, end), perhaps in quotes, that was looked for from `from` on; the next one is from
// next on.
type argument struct{ from, start, end, next int }

// option of a program: its name, and the sign behind it in the vocabulary, or a blank.
type option struct {
	name string
	sign byte
	// Its value is never in the same argument.
	isAlone bool
}

func optionsOf(commands map[string][]string) map[string][]option {
	result := make(map[string][]option, len(commands))
	for program, options := range commands {
		for _, each := range options {
			if last := len(each) - 1; strings.IndexByte(":%=~ ", each[last]) >= 0 {
				result[program] = append(result[program], option{each[:last], each[last], each[last] == ' '})
			} else {
				result[program] = append(result[program], option{each, ' ', false})
			}
		}
	}
	return result
}

// argumentAt returns the argument that begins at or behind i: read once for all programs whose command line it is in.
func argumentAt(a *ahead, i int) (argument, bool) {
	number, isKnown := slices.BinarySearchFunc(a.commandLine, i, func(each argument, i int) int { return each.from - i })
	if isKnown {
		return a.commandLine[number], true
	}
	each, ok := nextArgument(a, i)
	if !ok {
		return each, false
	}
	if last := len(a.commandLine) - 1; last >= 0 && a.commandLine[last].next != i {
		a.commandLine = a.commandLine[:0]
	}
	a.commandLine = append(a.commandLine, each)
	return each, true
}

// nextArgument returns the argument that begins at or behind `from`, in or without quotes; false where the command ends.
func nextArgument(a *ahead, from int) (argument, bool) {
	text := a.text
	i := from
	for ; i < from+longestCommand; i++ {
		c := at(text, i)
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
	if i >= len(text) || strings.IndexByte(";|&)]}>\n\r", text[i]) >= 0 {
		return argument{}, false
	}
	depth := countBackslashes(text, i)
	if quote := at(text, i+depth); isQuote(quote) {
		start := i + depth + 1
		end := quotedEnd(text, start, quote, depth)
		return argument{from, start, end, end + depth + 1}, end >= 0
	}
	end := i
	last := min(len(text), i+longestCommand)
	for end < last {
		c := text[end]
		if isQuote(c) {
			// `user:'password'`: a part of it is in quotes.
			closing := -1
			if end > i && (text[end-1] == ':' || text[end-1] == '=') {
				closing = quotedEnd(text, end+1, c, 0)
			}
			if closing < 0 {
				break
			}
			end = closing + 1
			continue
		}
		if isSpace(c) || c == backslash && isTextEscape(a, end) {
			break
		}
		end++
	}
	return argument{from, i, end, end}, end > i
}

// readCommand reads the secrets among the arguments of the program whose name is at [start, end). It returns where it has
// read up to.
func (r *readers) readCommand(a *ahead, start, end int, take taker) int {
	text, i := a.text, end
	if text[end-1] == ' ' {
		i = end - 1
	} else if isNameByte(at(text, i)) {
		return end
	}
	a.work.charge(workReader)
	options := r.commands[strings.ToLower(text[start:end])]
	// The quote behind a program's name that stands alone in a list of arguments.
	if depth := countBackslashes(text, i); isQuote(at(text, i+depth)) && at(text, i+depth+1) == ',' {
		i += depth + 1
	}
	limit := min(len(text), end+longestCommand)
	wanted := byte(0)
	for {
		each, ok := argumentAt(a, i)
		if !ok || each.start >= limit {
			return i
		}
		i = each.next
		if wanted != 0 {
			r.takeArgument(a, each.start, each.end, wanted, false, take)
			wanted = 0
		} else if text[each.start] == '-' {
			wanted = r.readOption(a, each, options, take)
		}
	}
}

// readOption takes the value of the option at the begin of the argument, if it has one; it returns the option's sign if the
// next argument is its value, or 0.
func (r *readers) readOption(a *ahead, each argument, options []option, take taker) byte {
	text := a.text
	for _, known := range options {
		rest := each.start + len(known.name)
		if rest > each.end || !hasPrefixAt(text, each.start, known.name) {
			continue
		}
		if rest == each.end {
			return known.sign
		}
		if known.isAlone {
			continue
		}
		isSigned := text[rest] == '=' || text[rest] == ' '
		if !isSigned && strings.HasPrefix(known.name, "--") {
			continue
		}
		if isSigned {
			rest++
		}
		r.takeArgument(a, rest, each.end, known.sign, true, take)
		break
	}
	return 0
}

// takeArgument takes the value of an option, by the sign behind the option; see schemas/redaction-vocabulary.ts.
func (r *readers) takeArgument(a *ahead, start, end int, sign byte, isGlued bool, take taker) {
	text := a.text
	if end <= start || isTemplateOnly(text, start, end) || isTemplate(text, start, end) {
		return
	}
	switch sign {
	case ':', '%':
		i := indexIn(text, sign, start, end)
		// A token may be the user alone, or the password alone.
		isPair := i >= 0 && i+1 < end && !isTemplateOnly(text, i+1, end) && !isTemplate(text, i+1, end)
		if isPair || i >= 0 && i+1 == end && isAsLong(text, start, i, shortestValue) && isMixed(a, start, i) && !isNames(text, start, i) {
			take(start, end)
		}
		return
	case '=':
		if i := indexIn(text, '=', start, end); i >= 0 && i+1 < end && r.isCredential(a, i+1, end) {
			take(start, end)
		}
		return
	case '~':
		if !isGlued && (!isAsLong(text, start, end, 6) || !isMixed(a, start, end) || isNames(text, start, end)) {
			return
		}
	}
	if text[start] != '-' {
		take(start, end)
	}
}

// readUserFlag reads `user:password` after `-u`, of any program: only if the password looks like one.
func readUserFlag(a *ahead, start, end int, take taker) {
	text := a.text
	v, ok := readValue(a, end)
	if !ok || isWordAt(text, v.start, "[redacted") {
		return
	}
	colon := a.next(kindColon, v.start, min(v.end, v.start+100))
	if colon <= v.start || colon >= v.end-1 || text[colon] != ':' || a.has(kindSpace, v.start, colon) {
		return
	}
	from := colon + 1
	if !isAsLong(text, from, v.end, 6) || !hasLetter(a, from, v.end) || !hasDigit(a, from, v.end) && !hasUpper(a, from, v.end) {
		return
	}
	if isTemplateOnly(text, from, v.end) || isTemplate(text, from, v.end) || isNames(text, from, v.end) {
		return
	}
	take(start, wholeEnd(a, v))
}
