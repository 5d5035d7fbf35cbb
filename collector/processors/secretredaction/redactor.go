package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"regexp"
	"slices"
	"strings"
)

const (
	boundaryWord     = "word"
	boundaryArgument = "argument"

	// longestMatch is more than any pattern reads (about 5,100 bytes); it bounds what an attempt costs.
	longestMatch = 8192

	// A value of this length under a secret's name is a secret whatever it looks like.
	shortestNamedSecret = 8
	namedSecret         = "assigned-secret"
)

// redactor does in Go what schemas/redaction.ts does in TypeScript; both are held to redaction.vectors.json.
type redactor struct {
	scanner *keywordScanner
	rules   []compiledRule
	// starts[keyword] says which rules a keyword belongs to.
	starts [][]start
	// named is the rule of namedSecret, or -1.
	named int
}

type compiledRule struct {
	placeholder string
	boundary    string
	oncePerRun  bool
	expression  *regexp.Regexp
	except      *regexp.Regexp
}

// start says that a match of the rule begins `back` bytes before the keyword's last one.
type start struct{ rule, back int }

// candidate is a place where a match of the rule may begin.
type candidate struct{ at, rule int }

// tally counts, for one record, what was taken out of it.
type tally struct {
	masked  []int // by rule
	some    bool  // whether anything below or in masked is not 0
	dropped int   // attributes whose key is not allowed
	content int   // attributes and bodies that are content
}

// scratch is what one request needs again and again.
type scratch struct {
	candidates []candidate
	resume     []int
	decoded    []byte
}

func newRedactor(rules []Rule) *redactor {
	r := &redactor{rules: make([]compiledRule, len(rules)), named: -1}
	numbers := map[string]int{}
	var keywords []string
	for index, rule := range rules {
		r.rules[index] = compiledRule{
			placeholder: "[REDACTED:" + rule.Name + "]",
			boundary:    rule.Boundary,
			oncePerRun:  rule.OncePerRun,
			expression:  regexp.MustCompile(`\A(?:` + rule.Pattern + `)`),
		}
		if rule.Except != "" {
			r.rules[index].except = regexp.MustCompile(`\A(?:` + rule.Except + `)`)
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
			r.starts[number] = append(r.starts[number], start{rule: index, back: len(keyword) - 1 + rule.Before})
		}
	}
	r.scanner = newKeywordScanner(keywords)
	return r
}

func (r *redactor) newTally() *tally { return &tally{masked: make([]int, len(r.rules))} }

func (t *tally) reset() {
	if t.some {
		clear(t.masked)
		*t = tally{masked: t.masked}
	}
}

// redact returns the text without secrets, and whether it has changed.
func (r *redactor) redact(text string, t *tally, s *scratch) (string, bool) {
	changed := false
	if r.find(text, s) {
		text, changed = r.replace(text, t, s)
	}
	if len(text) >= shortestDecoded {
		decoded, isChanged := r.redactEncoded(text, t, s)
		return decoded, changed || isChanged
	}
	return text, changed
}

// mayChange is false for text that redact leaves alone.
func (r *redactor) mayChange(text string, s *scratch) bool {
	return r.find(text, s) || mayHoldEncoded(text)
}

// find fills s.candidates.
func (r *redactor) find(text string, s *scratch) bool {
	scanner := r.scanner
	moves, class, first := scanner.moves, &scanner.class, scanner.firstFound
	s.candidates = s.candidates[:0]
	state := uint32(0)
	for i := 0; i < len(text); i++ {
		state = moves[state+uint32(class[text[i]])]
		if state < first {
			continue
		}
		for _, keyword := range scanner.found[int(state)/scanner.width] {
			for _, st := range r.starts[keyword] {
				at := i - st.back
				if at >= 0 && hasBoundary(text, at, r.rules[st.rule].boundary) {
					s.candidates = append(s.candidates, candidate{at: at, rule: st.rule})
				}
			}
		}
	}
	return len(s.candidates) > 0
}

func (r *redactor) replace(text string, t *tally, s *scratch) (string, bool) {
	r.order(s)
	var result strings.Builder
	done := 0
	for _, c := range s.candidates {
		end := r.match(text, c, s)
		if end <= done {
			continue
		}
		if c.at >= done {
			result.WriteString(text[done:c.at])
			result.WriteString(r.rules[c.rule].placeholder)
			t.masked[c.rule]++
			t.some = true
		}
		done = end
	}
	if done == 0 {
		return text, false
	}
	result.WriteString(text[done:])
	return result.String(), true
}

// firstMatch returns the rule of the first secret in text, or -1.
func (r *redactor) firstMatch(text string, s *scratch) int {
	if !r.find(text, s) {
		return -1
	}
	r.order(s)
	for _, c := range s.candidates {
		if r.match(text, c, s) > 0 {
			return c.rule
		}
	}
	return -1
}

// order makes the candidates ready for match, which must see them from left to right.
func (r *redactor) order(s *scratch) {
	slices.SortFunc(s.candidates, func(a, b candidate) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return a.rule - b.rule
	})
	if s.resume == nil {
		s.resume = make([]int, len(r.rules))
	} else {
		clear(s.resume)
	}
}

// match returns where the match of the candidate ends, or 0.
func (r *redactor) match(text string, c candidate, s *scratch) int {
	rule := &r.rules[c.rule]
	if c.at < s.resume[c.rule] {
		return 0
	}
	rest := text[c.at:min(len(text), c.at+longestMatch)]
	found := rule.expression.FindStringIndex(rest)
	if found == nil {
		if rule.oncePerRun {
			s.resume[c.rule] = runEnd(text, c.at)
		}
		return 0
	}
	if rule.except != nil && rule.except.MatchString(rest) {
		return 0
	}
	end := c.at + found[1]
	s.resume[c.rule] = end
	return end
}

// isSecretName tells whether a value under this key is a secret by its name alone.
func (r *redactor) isSecretName(key string, s *scratch) bool {
	if r.named < 0 || !r.find(key, s) {
		return false
	}
	for _, c := range s.candidates {
		if c.rule == r.named && runEnd(key, c.at) == len(key) {
			return true
		}
	}
	return false
}

func hasBoundary(text string, at int, boundary string) bool {
	if boundary == "" || at == 0 {
		return true
	}
	before := text[at-1]
	if boundary == boundaryWord {
		return !isAlphanumeric(before)
	}
	return strings.IndexByte(" \t\r\n(\"'`", before) >= 0
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func runEnd(text string, at int) int {
	for at < len(text) && (isAlphanumeric(text[at]) || text[at] == '_' || text[at] == '-') {
		at++
	}
	return at
}
