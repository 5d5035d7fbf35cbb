package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	boundaryWord     = "word"
	boundaryArgument = "argument"

	// In bytes. A shorter text is no secret of any rule; `a@b.co` is an address.
	shortestSecret = 6
	// More than any pattern reads.
	unbounded = 32_768

	// The kind of a value that is a secret by the name it stands under.
	namedSecret = "assigned-secret"
	// The kind of a text that is masked as a whole because reading it would take too much work. Its number in a tally is behind the
	// rules'.
	workLimit            = "work-limit"
	workLimitPlaceholder = "[REDACTED:" + workLimit + "]"

	// How often a text is decoded, or its escapes are resolved, within one that was.
	deepest = 2
	// Longest decoded text that is decoded again: what one text can cost stays a small multiple of its length.
	longestNested = 65_536
	// Command lines that are read at one place.
	mostCommands = 8
)

// What reads on from the end of a rule's pattern, or from its keyword.
const (
	readsBlock         = "block"
	readsToken         = "token"
	readsBasic         = "basic"
	readsFlag          = "flag"
	readsJWT           = "jwt"
	readsVendor        = "vendor"
	readsAssignment    = "assignment"
	readsAuthorization = "authorization"
	readsCookies       = "cookies"
	readsURL           = "url"
	readsUserinfo      = "userinfo"
	readsCommand       = "command"
	readsAddress       = "address"
	readsLogin         = "login"
)

// redactor does in Go what schemas/redaction.ts does in TypeScript; both are held to redaction.vectors.json.
type redactor struct {
	*readers
	scanner *keywordScanner
	rules   []compiledRule
	// starts[keyword] says which rules a keyword belongs to.
	starts [][]start
	// named is the rule of namedSecret, or -1.
	named int
}

type compiledRule struct {
	name        string
	placeholder string
	boundary    string
	oncePerRun  bool
	// Bytes of a match before the keyword, all of ASCII.
	before int
	// Units of work of an attempt at the pattern.
	work       int
	reads      string
	expression *regexp.Regexp
	except     *regexp.Regexp
	// Bytes that an attempt reads at most.
	longest int
	// Letters, digits, `_` and `-` that every match has behind the keyword.
	least int
}

// start says that a match of the rule begins `back` bytes before the keyword's last one.
type start struct {
	rule, back int
	word       string
}

// candidate is a place where a match of the rule may begin, by one of its keywords.
type candidate struct {
	at, rule int
	word     string
}

// finding is a secret of a rule, or personal data: an address or a login name.
type finding struct {
	start, end, rule int
	personal         string
}

// tally counts, for one record, what was taken out of it.
type tally struct {
	masked  []int // by rule, and for workLimit
	some    bool  // whether anything below or in masked is not 0
	dropped int   // attributes whose key is not allowed
	content int   // attributes and bodies that are content
}

// scratch is what one request needs again and again.
type scratch struct {
	// What stands in place of personal data; nil: it is kept.
	personal   personal
	candidates []candidate
	resume     []int
	lines      []commandLine
	ahead      ahead
	findings   []finding
	decoded    [deepest + 1][]byte
	// Texts without findings, shared by all callers.
	clean seen[struct{}]
}

func newRedactor(rules []Rule, vocabulary Vocabulary) *redactor {
	r := &redactor{readers: newReaders(vocabulary), rules: make([]compiledRule, len(rules)), named: -1}
	numbers := map[string]int{}
	var keywords []string
	for index, rule := range rules {
		r.rules[index] = compiledRule{
			name:        rule.Name,
			placeholder: "[REDACTED:" + rule.Name + "]",
			boundary:    rule.Boundary,
			oncePerRun:  rule.OncePerRun,
			before:      rule.Before,
			work:        workPattern,
			reads:       rule.Reads,
		}
		compiled := &r.rules[index]
		if rule.Pattern != "" {
			compiled.expression = regexp.MustCompile(`\A(?:` + rule.Pattern + `)`)
			compiled.longest = longestMatch(rule.Pattern)
			if rule.Before == 0 {
				compiled.least = leastRun(rule.Pattern)
			}
		}
		if rule.Work > 0 {
			compiled.work = rule.Work
		}
		if rule.Except != "" {
			compiled.except = regexp.MustCompile(`\A(?:` + rule.Except + `)`)
			compiled.longest = max(compiled.longest, longestMatch(rule.Except))
		}
		if rule.Name == namedSecret {
			r.named = index
		}
		for _, keyword := range rule.Keywords {
			number, known := numbers[keyword]
			if !known {
				number = len(keywords)
				numbers[keyword] = number
				keywords = append(keywords, keyword)
				r.starts = append(r.starts, nil)
			}
			r.starts[number] = append(r.starts[number], start{rule: index, back: len(keyword) - 1 + rule.Before, word: keyword})
		}
	}
	r.scanner = newKeywordScanner(keywords)
	return r
}

// beginsRun is a pattern that has letters, digits, `_` and `-` right behind its keyword, with how many of them at least.
var beginsRun = regexp.MustCompile(`^(?:(?:[A-Za-z0-9_-]|\\[.$])+|\(\?:(?:[A-Za-z0-9_|-]|\\[.$])+\))\[(?:[A-Za-z0-9]-[A-Za-z0-9]|_)+-?\]\{([0-9]+)[,}]`)

// leastRun returns how many letters, digits, `_` and `-` a pattern asks for right behind one of its keywords.
func leastRun(pattern string) int {
	found := beginsRun.FindStringSubmatch(pattern)
	if found == nil {
		return 0
	}
	least, _ := strconv.Atoi(found[1])
	return least
}

// longestMatch returns how many bytes an attempt at a pattern reads at most: those of its longest match, and the character
// behind.
func longestMatch(pattern string) int {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err) // Config.Validate has compiled it.
	}
	var longest func(e *syntax.Regexp) int
	longest = func(e *syntax.Regexp) int {
		total := 0
		for _, sub := range e.Sub {
			if e.Op == syntax.OpAlternate {
				total = max(total, longest(sub))
			} else {
				total += longest(sub)
			}
		}
		switch e.Op {
		case syntax.OpLiteral:
			return len(string(e.Rune))
		case syntax.OpCharClass:
			return utf8.RuneLen(e.Rune[len(e.Rune)-1])
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
			return utf8.UTFMax
		case syntax.OpRepeat:
			if e.Max >= 0 {
				return e.Max * total
			}
			return unbounded
		case syntax.OpStar, syntax.OpPlus:
			return unbounded
		}
		return total
	}
	return min(longest(parsed)+utf8.UTFMax, unbounded)
}

func (r *redactor) newTally() *tally { return &tally{masked: make([]int, len(r.rules)+1)} }

func (t *tally) reset() {
	if t.some {
		clear(t.masked)
		*t = tally{masked: t.masked}
	}
}

// redact returns the text without secrets, and whether it has changed.
func (r *redactor) redact(text string, t *tally, s *scratch) (string, bool) {
	if len(text) < shortestSecret {
		return text, false
	}
	slot := s.clean.at(text)
	if slot != nil && slot.text == text {
		return text, false
	}
	saw := r.candidates(text, s)
	if saw != 0 {
		if redacted, changed := r.redactSeen(text, saw, t, s); changed || s.personal == nil {
			return redacted, changed
		}
	}
	// Nothing is in it.
	if slot != nil {
		slot.text = text
	}
	return text, false
}

// redactSeen is redact for a text in which candidates has just seen something.
func (r *redactor) redactSeen(text string, saw look, t *tally, s *scratch) (string, bool) {
	s.findings = s.findings[:0]
	s.ahead.work = newWork(text)
	r.find(text, saw, 0, false, s)
	if s.ahead.work.isSpent() {
		t.masked[len(r.rules)]++
		t.some = true
		return workLimitPlaceholder, true
	}
	if len(s.findings) == 0 {
		return text, false
	}
	sortFindings(s.findings)
	var result strings.Builder
	done := 0
	for _, f := range s.findings {
		if f.end <= done {
			continue
		}
		if f.start >= done {
			result.WriteString(text[done:f.start])
			if f.personal == "" {
				result.WriteString(r.rules[f.rule].placeholder)
			} else {
				result.WriteString(s.personal(r.rules[f.rule].name, f.personal))
			}
			t.masked[f.rule]++
			t.some = true
		} else if f.personal != "" && isHostOnly(text[done:f.end]) {
			continue
		}
		done = f.end
	}
	result.WriteString(text[done:])
	return result.String(), true
}

var placeholder = regexp.MustCompile(`^\[REDACTED:[^\]]*\]$`)

// redactIdentity replaces a whole value that names a person: an address in it says who, or else all of it. It returns the
// rule that it counts for, or -1 if the value is left as it is.
func (r *redactor) redactIdentity(text string, email, login int, s *scratch) (string, int) {
	name := strings.Trim(text, blanks)
	if name == "" || placeholder.MatchString(name) {
		return text, -1
	}
	s.findings = s.findings[:0]
	s.ahead.work = newWork(name)
	r.find(name, r.candidates(name, s), 0, false, s)
	if s.ahead.work.isSpent() {
		return s.personal(loginKind, name), login
	}
	sortFindings(s.findings)
	done := 0
	for _, f := range s.findings {
		if f.end <= done || f.start < done && f.personal != "" {
			continue
		}
		if f.rule == email {
			return s.personal(emailKind, f.personal), email
		}
		done = f.end
	}
	return s.personal(loginKind, name), login
}

// isHostOnly tells of the rest of an address whether a secret took all but its host, which says who had the secret.
func isHostOnly(text string) bool {
	for i := range len(text) {
		if !isNameByte(text[i]) && text[i] != '.' {
			return false
		}
	}
	return true
}

func sortFindings(findings []finding) {
	slices.SortStableFunc(findings, func(a, b finding) int {
		if a.start != b.start {
			return a.start - b.start
		}
		if a.rule != b.rule {
			return a.rule - b.rule
		}
		return b.end - a.end
	})
}

// mayChange is false for text that redact leaves alone.
func (r *redactor) mayChange(text string, s *scratch) bool {
	if r.candidates(text, s) == 0 {
		return false
	}
	if len(s.candidates) > 0 || mayHaveEscapes(text) || mayBeForm(text) {
		return true
	}
	isEncoded := false
	s.decoded[0] = eachDecoded(text, s.decoded[0], func([]byte, int, int) { isEncoded = true })
	return isEncoded
}

// find adds all secrets of the text to s.findings, in no order. `saw` is what candidates has said of it just before.
// wasForm: the text was made of one that is, or was, read with + as a blank.
func (r *redactor) find(text string, saw look, depth int, wasForm bool, s *scratch) {
	if len(s.candidates) > 0 {
		r.findPlain(text, s)
	}
	if len(text) < shortestDecoded || depth == deepest || s.ahead.work.isSpent() {
		return
	}
	// Lines are joined before they are decoded, so of those one look at the text does not say enough.
	if saw&(lookEncoded|lookBreak) != 0 && (depth == 0 || len(text) <= longestNested) {
		s.decoded[depth] = eachDecoded(text, s.decoded[depth], func(decoded []byte, start, end int) {
			if s.ahead.work.isSpent() {
				return
			}
			inside := r.scanner.look(decoded)
			if inside == 0 || depth+1 == deepest && inside&lookKeyword == 0 {
				return
			}
			before := len(s.findings)
			text := string(decoded)
			r.find(text, r.candidates(text, s), depth+1, false, s)
			if within := s.findings[before:]; len(within) > 0 {
				sortFindings(within)
				first := within[0]
				if i := slices.IndexFunc(within, func(f finding) bool { return f.personal == "" }); i >= 0 {
					first = within[i]
				}
				first.start, first.end = start, end
				s.findings = append(s.findings[:before], first)
			}
		})
	}
	// The form that was read in the text that this one was made of is not read again.
	isForm := saw&lookPlus != 0 && !wasForm && mayBeForm(text)
	if saw&lookEscape != 0 && mayHaveEscapes(text) {
		r.findBehindEscapes(text, false, depth, wasForm || isForm, s)
	}
	if isForm {
		r.findBehindEscapes(text, true, depth, true, s)
	}
}

// findBehindEscapes does it on the text with its escapes resolved; with `plus` a + is a blank.
// wasForm: the text is read with + as a blank as well.
func (r *redactor) findBehindEscapes(text string, plus bool, depth int, wasForm bool, s *scratch) {
	if s.ahead.work.isSpent() {
		return
	}
	v, ok := resolveEscapes(text, plus)
	if !ok {
		return
	}
	before := len(s.findings)
	r.find(v.text, r.candidates(v.text, s), depth+1, wasForm, s)
	for i := before; i < len(s.findings); i++ {
		f := &s.findings[i]
		f.start, f.end = v.toSource(f.start), v.toSource(f.end)
	}
}

// candidates fills s.candidates, and tells what else one pass over the text saw.
func (r *redactor) candidates(text string, s *scratch) look {
	scanner := r.scanner
	moves, characters := scanner.moves, &scanner.characters
	s.candidates = s.candidates[:0]
	state, seen, window, ended := uint32(0), uint32(0), uint32(0), uint32(0)
	for i := range len(text) {
		character := characters[text[i]]
		move := moves[state+character&columnMask]
		state = move & stateMask
		seen |= move
		window = (window<<1 | windowStarts) & character
		ended |= window
		if move&keywordMove == 0 {
			continue
		}
		for _, keyword := range scanner.found[int(state)/scanner.width] {
			for _, st := range r.starts[keyword] {
				at := i - st.back
				if at >= 0 && isBounded(text, at, r.rules[st.rule].boundary) {
					s.candidates = append(s.candidates, candidate{at: at, rule: st.rule, word: st.word})
				}
			}
		}
	}
	return lookOf(seen, ended)
}

// findPlain tries the candidates from left to right.
func (r *redactor) findPlain(text string, s *scratch) {
	slices.SortFunc(s.candidates, func(a, b candidate) int {
		if a.at != b.at {
			return a.at - b.at
		}
		if a.rule != b.rule {
			return a.rule - b.rule
		}
		return len(b.word) - len(a.word)
	})
	// By rule: before this place it is not tried again.
	if s.resume == nil {
		s.resume = make([]int, len(r.rules))
	} else {
		clear(s.resume)
	}
	s.lines = s.lines[:0]
	s.ahead.begin(text)
	a := &s.ahead
	for _, c := range s.candidates {
		if c.at < s.resume[c.rule] {
			continue
		}
		rule := &r.rules[c.rule]
		// What stands before a keyword has a letter or digit last. All of it is ASCII, for only then is it the same place in UTF-16, which
		// the TypeScript engine counts.
		if rule.before > 0 && (!isAlphanumeric(text[c.at+rule.before-1]) || a.has(kindBeyondASCII, c.at, c.at+rule.before)) {
			continue
		}
		if s.personal == nil && (rule.reads == readsAddress || rule.reads == readsLogin) {
			continue
		}
		if a.work.isSpent() {
			return
		}
		// An @ alone is cheap to reject, and frequent where binary data was in base64.
		if c.word != "@" {
			a.work.charge(1)
		}
		a.keyword = c.at
		take := func(start, end int) {
			s.findings = append(s.findings, finding{start: start, end: end, rule: c.rule})
			s.resume[c.rule] = max(s.resume[c.rule], end)
		}
		if rule.expression == nil {
			r.readAt(a, c, rule, take, s)
			continue
		}
		if rule.least > 0 && a.next(kindNameEnd, c.at+len(c.word), c.at+len(c.word)+rule.least) < c.at+len(c.word)+rule.least {
			continue
		}
		a.work.charge(rule.work)
		rest := text[c.at:min(len(text), c.at+rule.longest)]
		found := rule.expression.FindStringIndex(rest)
		if found == nil {
			if rule.oncePerRun {
				s.resume[c.rule] = runEnd(text, c.at)
			}
			continue
		}
		if rule.except != nil && rule.except.MatchString(rest) {
			continue
		}
		end := c.at + found[1]
		if rule.reads != "" {
			a.work.charge(workBehind)
		}
		switch rule.reads {
		case readsBlock:
			if to := blockEnd(text, end); to >= 0 {
				take(c.at, to)
			}
		case readsToken:
			r.readToken(a, c.at, end, take)
		case readsFlag:
			readUserFlag(a, c.at, end, take)
		case readsVendor:
			r.readVendor(a, c.at, end, take)
		case readsJWT:
			if to := jwtEnd(a, c.at); to >= 0 {
				take(c.at, to)
			} else {
				s.resume[c.rule] = runEnd(text, c.at)
			}
		case readsBasic:
			if to := basicEnd(a, c.at); to >= 0 {
				take(c.at, to)
			}
		default:
			take(c.at, end)
		}
	}
}

// readAt reads from a keyword on.
func (r *redactor) readAt(a *ahead, c candidate, rule *compiledRule, take taker, s *scratch) {
	end := c.at + len(c.word)
	switch rule.reads {
	case readsAddress:
		r.readAddress(a.text, c.at, takePersonal(c.rule, s))
	case readsLogin:
		a.work.charge(workPart)
		r.readLogin(a.text, c.at, end, takePersonal(c.rule, s))
	case readsAssignment:
		r.readAssignment(a, c.at, end, take)
	case readsAuthorization:
		r.readAuthorization(a, end, take)
	case readsCookies:
		r.readCookies(a, end, take)
	case readsURL:
		r.readURL(a, c.at, end, take)
	case readsUserinfo:
		r.readUserinfo(a, c.at, end, take)
	case readsCommand:
		if s.mayRead(c.word, c.at) {
			to := r.readCommand(a, c.at, end, func(start, end int) {
				s.findings = append(s.findings, finding{start: start, end: end, rule: c.rule})
			})
			s.lines = append(s.lines, commandLine{c.word, to})
		}
	}
}

// commandLine has been read for the secrets of one program.
type commandLine struct {
	word string
	end  int
}

// mayRead tells whether the line at i has not been read for this program, and few enough others that go on here: `sudo env
// docker exec db mysql -pX` is in five.
func (s *scratch) mayRead(word string, i int) bool {
	s.lines = slices.DeleteFunc(s.lines, func(line commandLine) bool { return line.end <= i })
	return len(s.lines) < mostCommands && !slices.ContainsFunc(s.lines, func(line commandLine) bool { return line.word == word })
}

func takePersonal(rule int, s *scratch) personalTaker {
	return func(start, end int, value string) {
		s.findings = append(s.findings, finding{start: start, end: end, rule: rule, personal: value})
	}
}

// secretName tells how much a value under this key has to look like a secret; noSecret if it is none by the name.
func (r *redactor) secretName(key string, s *scratch) strength {
	if r.named < 0 || r.candidates(key, s)&lookKeyword == 0 {
		return noSecret
	}
	found := noSecret
	s.ahead.begin(key)
	for _, c := range s.candidates {
		if c.rule != r.named {
			continue
		}
		if end := c.at + len(c.word); r.nameEnd(&s.ahead, end) == len(key) {
			found = max(found, strengthOf(key, c.at, end))
		}
	}
	return found
}

func isBounded(text string, i int, boundary string) bool {
	switch boundary {
	case boundaryWord:
		return hasBoundary(text, i)
	case boundaryArgument:
		return hasArgumentBoundary(text, i)
	}
	return true
}
