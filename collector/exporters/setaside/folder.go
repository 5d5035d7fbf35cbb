package setaside // import "shieldwatch.dev/collector/exporters/setaside"

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	suffix     = ".otlp"
	unfinished = ".part"
)

var (
	errFolderFull = errors.New("the folder for what is set aside is full")
	errNoFolder   = errors.New("set_aside.directory is not set")
)

// folderMutex: exporters of all signals share a folder.
var folderMutex sync.Mutex

// folder holds records that will never be stored: OTLP export requests in protobuf, one per file, named
// `<time>-<signal>-<reason>-<random>.otlp`.
type folder struct{ FolderConfig }

// make creates the folder, and removes files of an unfinished write.
func (f folder) make() error {
	if f.Directory == "" {
		return nil
	}
	folderMutex.Lock()
	defer folderMutex.Unlock()
	if err := os.MkdirAll(f.Directory, 0o700); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(f.Directory, "*"+unfinished))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// put writes a file and returns when it is on disk.
func (f folder) put(signal, reason string, content []byte) error {
	if f.Directory == "" {
		return errNoFolder
	}
	folderMutex.Lock()
	defer folderMutex.Unlock()
	if err := f.hasSpace(int64(len(content))); err != nil {
		return err
	}
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	now := strings.Replace(time.Now().UTC().Format("20060102T150405.000Z"), ".", "", 1)
	target := filepath.Join(f.Directory, fmt.Sprintf("%s-%s-%s-%s%s", now, signal, reason, hex.EncodeToString(random), suffix))
	if err := write(target+unfinished, content); err != nil {
		return errors.Join(err, os.Remove(target+unfinished))
	}
	if err := os.Rename(target+unfinished, target); err != nil {
		return errors.Join(err, os.Remove(target+unfinished))
	}
	directory, err := os.Open(f.Directory)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

func write(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

func (f folder) hasSpace(length int64) error {
	entries, err := os.ReadDir(f.Directory)
	if err != nil {
		return err
	}
	size := length
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
	}
	if len(entries) >= f.MaxFiles || size > f.MaxBytes {
		return fmt.Errorf("%w: %s holds %d files and %d bytes, of %d and %d", errFolderFull, f.Directory, len(entries), size-length, f.MaxFiles, f.MaxBytes)
	}
	return nil
}
