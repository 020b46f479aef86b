/* A mount that is slow, or hangs: each call that asks for a file below $SLOW_MOUNT takes as many milliseconds as stand in the
   file $SLOW_MOUNT_PAUSE. A program gets it by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long milliseconds(const char *file) {
  char text[32] = "";
  int opened = open(file, O_RDONLY);
  if (opened < 0) return 0;
  if (read(opened, text, sizeof text - 1) < 0) text[0] = 0;
  close(opened);
  return atol(text);
}

static void pause_for(const char *path) {
  const char *mount = getenv("SLOW_MOUNT"), *file = getenv("SLOW_MOUNT_PAUSE");
  if (!path || !mount || !file || strncmp(path, mount, strlen(mount))) return;
  for (long passed = 0; passed < milliseconds(file); passed += 10) usleep(10 * 1000);
}

#define REAL(name) ((typeof(name) *)dlsym(RTLD_NEXT, #name))

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
  pause_for(path);
  return REAL(statx)(folder, path, flags, mask, found);
}

int open64(const char *path, int flags, ...) {
  pause_for(path);
  /* Nothing is created below a mount. */
  return REAL(open64)(path, flags, 0);
}

DIR *opendir(const char *path) {
  pause_for(path);
  return REAL(opendir)(path);
}
