/* Records what a program does to the files of one folder, in the order in which it happened: loaded with LD_PRELOAD.
 *
 * POWERCUT_FOLDER  only paths below it are recorded
 * POWERCUT_LOG     where the record goes; outside of that folder
 *
 * One entry: kind (1 byte), file (4), offset (8), length (4), then `length` bytes; numbers little-endian. A file is the
 * open or created inode, numbered by the first descriptor that opened it; names travel as entries of their own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN = 'o', WRITE = 'w', CUT = 't', SYNC = 's', RENAME = 'r', UNLINK = 'u' };
#define FDS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *folder;
static size_t folder_length;
static ino_t inode_of[FDS]; /* 0: not ours */

static void begin(void) {
  pthread_mutex_lock(&lock);
  if (folder) return;
  const char *log = getenv("POWERCUT_LOG");
  folder = getenv("POWERCUT_FOLDER");
  if (!folder || !log) { folder = "/nowhere/at/all"; }
  folder_length = strlen(folder);
  if (log) log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}
static void end(void) { pthread_mutex_unlock(&lock); }

static void entry(char kind, uint32_t file, uint64_t offset, const void *data, uint32_t length) {
  char head[17];
  head[0] = kind;
  memcpy(head + 1, &file, 4);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &length, 4);
  if (log_fd < 0) return;
  if (syscall(SYS_write, log_fd, head, sizeof head) != sizeof head) abort();
  for (uint32_t done = 0; done < length;) {
    ssize_t n = syscall(SYS_write, log_fd, (const char *)data + done, length - done);
    if (n <= 0) abort();
    done += n;
  }
}

static int ours(const char *path) { return strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/'; }
static int known(int fd) { return fd >= 0 && fd < FDS && inode_of[fd]; }

static void opened(int fd, const char *path, int flags) {
  struct stat stat;
  if (fd < 0 || fd >= FDS || fstat(fd, &stat)) return;
  if (strcmp(path, folder) == 0) { inode_of[fd] = stat.st_ino; return; } /* to be synced */
  if (!ours(path)) return;
  inode_of[fd] = stat.st_ino;
  entry(OPEN, stat.st_ino, 0, path + folder_length + 1, strlen(path + folder_length + 1));
  if (flags & O_TRUNC) entry(CUT, stat.st_ino, 0, "", 0);
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
  begin();
  int fd = syscall(SYS_openat, at, path, flags, mode);
  if (fd >= 0 && fd < FDS) inode_of[fd] = 0;
  opened(fd, path, flags);
  end();
  return fd;
}
#define MODE(flags, mode) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, flags); mode = va_arg(l, mode_t); va_end(l); }
int open(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return do_open(at, path, flags, mode); }

int close(int fd) {
  begin();
  if (known(fd)) inode_of[fd] = 0;
  int rc = syscall(SYS_close, fd);
  end();
  return rc;
}

ssize_t write(int fd, const void *data, size_t length) {
  if (!known(fd)) return syscall(SYS_write, fd, data, length);
  begin();
  struct stat stat;
  off_t at = lseek(fd, 0, SEEK_CUR);
  if (fcntl(fd, F_GETFL) & O_APPEND) { fstat(fd, &stat); at = stat.st_size; }
  ssize_t n = syscall(SYS_write, fd, data, length);
  if (n > 0) entry(WRITE, inode_of[fd], at, data, n);
  end();
  return n;
}
static ssize_t do_pwrite(int fd, const void *data, size_t length, off_t at) {
  if (!known(fd)) return syscall(SYS_pwrite64, fd, data, length, at);
  begin();
  ssize_t n = syscall(SYS_pwrite64, fd, data, length, at);
  if (n > 0) entry(WRITE, inode_of[fd], at, data, n);
  end();
  return n;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return do_pwrite(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { return do_pwrite(fd, data, length, at); }

static int do_cut(int fd, off_t length) {
  begin();
  int rc = syscall(SYS_ftruncate, fd, length);
  if (rc == 0 && known(fd)) entry(CUT, inode_of[fd], length, "", 0);
  end();
  return rc;
}
int ftruncate(int fd, off_t length) { return do_cut(fd, length); }
int ftruncate64(int fd, off_t length) { return do_cut(fd, length); }

static int do_sync(long call, int fd) {
  begin();
  int rc = syscall(call, fd);
  if (rc == 0 && known(fd)) entry(SYNC, inode_of[fd], 0, "", 0);
  end();
  return rc;
}
int fsync(int fd) { return do_sync(SYS_fsync, fd); }
int fdatasync(int fd) { return do_sync(SYS_fdatasync, fd); }

int rename(const char *from, const char *to) {
  begin();
  int rc = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (rc == 0 && ours(from) && ours(to)) {
    char names[2 * PATH_MAX];
    int n = snprintf(names, sizeof names, "%s%c%s", from + folder_length + 1, 0, to + folder_length + 1);
    entry(RENAME, 0, 0, names, n);
  }
  end();
  return rc;
}
int unlink(const char *path) {
  begin();
  int rc = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  if (rc == 0 && ours(path)) entry(UNLINK, 0, 0, path + folder_length + 1, strlen(path + folder_length + 1));
  end();
  return rc;
}
