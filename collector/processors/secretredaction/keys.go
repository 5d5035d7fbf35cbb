package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "strings"

// fate is what becomes of an attribute because of its key.
type fate int

const (
	// The key is not on the allow-list.
	dropUnknown fate = iota
	// Only the pipeline itself may set it.
	dropReserved
	// What people and models said.
	dropContent
	// The very key is on the list, so it holds no secret and says nothing about its value.
	keepListed
	// The key is on the list, and its value names a person.
	keepIdentity
	// The key is the client's own in part, and searched as its value is.
	keepOther
)

type keyPolicy struct {
	// Keys that are spelled out; the map decides most in one look-up.
	exact    map[string]fate
	content  map[string]bool
	prefixes prefixes
	// content and reserved keys that are given by their begin.
	contentPrefixes, reserved prefixes
	allowAll                  bool
}

type prefixes []string

func (p prefixes) has(key string) bool {
	for _, prefix := range p {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func newKeyPolicy(c *Config) *keyPolicy {
	p := &keyPolicy{exact: map[string]fate{}, content: map[string]bool{}, allowAll: c.AllowAllKeys, reserved: c.ReservedPrefixes}
	if c.CountPrefix != "" {
		p.reserved = append(p.reserved[:len(p.reserved):len(p.reserved)], c.CountPrefix)
	}
	for _, key := range append(c.AllowedKeys[:len(c.AllowedKeys):len(c.AllowedKeys)], c.AdditionalAllowedKeys...) {
		if prefix, isPrefix := strings.CutSuffix(key, "*"); isPrefix {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact[key] = keepListed
		}
	}
	for _, key := range c.ContentKeys {
		if prefix, isPrefix := strings.CutSuffix(key, "*"); isPrefix {
			p.contentPrefixes = append(p.contentPrefixes, prefix)
		} else {
			p.content[key] = true
		}
	}
	// So that the first look-up is the last one for a listed key.
	for key := range p.exact {
		if p.contentPrefixes.has(key) {
			p.content[key] = true
		}
		if p.reserved.has(key) {
			p.exact[key] = dropReserved
		}
	}
	for _, key := range c.IdentityKeys {
		if p.exact[key] == keepListed {
			p.exact[key] = keepIdentity
		}
	}
	for key := range p.content {
		p.exact[key] = dropContent
	}
	return p
}

// of decides an attribute of a record by its key. Content is allowed by being named as content.
func (p *keyPolicy) of(key string, keepContent bool) fate {
	if known, ok := p.exact[key]; ok {
		if known == dropContent && keepContent {
			return keepListed
		}
		return known
	}
	switch {
	case p.reserved.has(key):
		return dropReserved
	case p.contentPrefixes.has(key):
		if keepContent {
			return keepOther
		}
		return dropContent
	case p.allowAll || p.prefixes.has(key):
		return keepOther
	}
	return dropUnknown
}
