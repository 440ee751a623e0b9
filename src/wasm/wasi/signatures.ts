// The type of every call of the system interface, as a module must import it. A call reached with another type would get values that it
// cannot take (a BigInt for a number), so a module that asks for one is refused before it runs.
//
//   one letter per parameter: `i` is i32, `I` is i64; the result is an i32, an error number, but for proc_exit, which has none
//
// Snapshot 0 has the same types: only the structures in memory differ.
// Source: wasi_snapshot_preview1.witx in WebAssembly/WASI, lowered by the legacy ABI (strings and lists are a pointer and a length).

const parameters = new Map(
  Object.entries({
    args_get: 'ii',
    args_sizes_get: 'ii',
    clock_res_get: 'ii',
    clock_time_get: 'iIi',
    environ_get: 'ii',
    environ_sizes_get: 'ii',
    fd_advise: 'iIIi',
    fd_allocate: 'iII',
    fd_close: 'i',
    fd_datasync: 'i',
    fd_fdstat_get: 'ii',
    fd_fdstat_set_flags: 'ii',
    fd_fdstat_set_rights: 'iII',
    fd_filestat_get: 'ii',
    fd_filestat_set_size: 'iI',
    fd_filestat_set_times: 'iIIi',
    fd_pread: 'iiiIi',
    fd_prestat_dir_name: 'iii',
    fd_prestat_get: 'ii',
    fd_pwrite: 'iiiIi',
    fd_read: 'iiii',
    fd_readdir: 'iiiIi',
    fd_renumber: 'ii',
    fd_seek: 'iIii',
    fd_sync: 'i',
    fd_tell: 'ii',
    fd_write: 'iiii',
    path_create_directory: 'iii',
    path_filestat_get: 'iiiii',
    path_filestat_set_times: 'iiiiIIi',
    path_link: 'iiiiiii',
    path_open: 'iiiiiIIii',
    path_readlink: 'iiiiii',
    path_remove_directory: 'iii',
    path_rename: 'iiiiii',
    path_symlink: 'iiiii',
    path_unlink_file: 'iii',
    poll_oneoff: 'iiii',
    proc_exit: 'i',
    proc_raise: 'i',
    random_get: 'ii',
    sched_yield: '',
    sock_accept: 'iii',
    sock_recv: 'iiiiii',
    sock_send: 'iiiii',
    sock_shutdown: 'ii',
  }),
);

/** Returns the type of the call `name` as text, such as `(i32, i64) -> i32`, or undefined if there is no such call. */
export function wasiTypeText(name: string): string | undefined {
  const letters = parameters.get(name);
  if (letters === undefined) return undefined;
  const types = [...letters].map((letter) => (letter === 'I' ? 'i64' : 'i32'));
  return `(${types.join(', ')}) -> ${name === 'proc_exit' ? '()' : 'i32'}`;
}
