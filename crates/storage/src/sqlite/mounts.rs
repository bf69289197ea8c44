//! Finds out from the kernel's list of mounts which file system a path lies on.
//!
//! Invariants: pure, so that it is tested on lists of any machine.
//! Does not know: how the list is read, what follows from the answer.
//! Source: Linux, Documentation/filesystems/proc.rst, section 3.5 (`/proc/<pid>/mountinfo`); SQLite, "File Locking And
//! Concurrency" on network file systems.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Types of file systems that other machines may write to at the same time.
const NETWORK_TYPES: [&str; 24] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse.ceph",
    "fuse.cephfs",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.goofys",
    "fuse.mount-s3",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "smb3",
    "smbfs",
];

/// Whether a type of file system lets other machines write.
pub(crate) fn is_network(file_system: &str) -> bool {
    NETWORK_TYPES.contains(&file_system)
}

/// The type of file system that an absolute path without symbolic links lies on, if the list tells.
///
/// Shape: of all mount points above the path the deepest counts, and of several mounts on it the last, which hides the
/// others.
pub(crate) fn file_system_of(mountinfo: &str, path: &Path) -> Option<String> {
    let mut found: Option<(usize, &str)> = None;
    for (mount_point, file_system) in mountinfo.lines().filter_map(parse_line) {
        let depth = mount_point.components().count();
        if path.starts_with(&mount_point) && found.is_none_or(|(deepest, _)| depth >= deepest) {
            found = Some((depth, file_system));
        }
    }
    found.map(|(_, file_system)| file_system.to_owned())
}

/// Mount point and type of one line: the fifth field, and the first after the lone `-`.
fn parse_line(line: &str) -> Option<(PathBuf, &str)> {
    let mut fields = line.split(' ');
    let mount_point = fields.nth(4)?;
    let file_system = fields.skip_while(|field| *field != "-").nth(1)?;
    Some((unescape(mount_point), file_system))
}

/// Undoes the kernel's `\040` for a space and its like.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail.first_chunk::<3>()) {
            (b'\\', Some(digits)) if digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) => {
                let value = digits
                    .iter()
                    .fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
                rest = tail.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:50 / /srv rw,relatime shared:7 master:2 - nfs4 files:/export rw,vers=4.2
41 40 254:3 / /srv/local rw - xfs /dev/vdb rw
42 27 0:51 / /home/a\\040b rw - cifs //files/home rw
43 27 254:4 / /twice rw - nfs files:/old rw
44 43 254:5 / /twice rw - ext4 /dev/vdc rw
45 27 0:52 / /mnt/ssh rw propagate_from:3 - fuse.sshfs host: rw
a line that is no mount
";

    fn check(path: &str, expected: &str) {
        assert_eq!(
            file_system_of(MOUNTS, Path::new(path)).as_deref(),
            Some(expected),
            "{path}"
        );
    }

    #[test]
    fn deepest_mount_point_counts() {
        check("/var/lib/keyward.db", "ext4");
        check("/srv/keyward.db", "nfs4");
        check("/srv/local/keyward.db", "xfs");
        check("/srv", "nfs4");
    }

    #[test]
    fn neighbour_with_the_same_beginning_is_not_meant() {
        check("/srvother/keyward.db", "ext4");
    }

    #[test]
    fn spaces_are_unescaped() {
        check("/home/a b/keyward.db", "cifs");
        check("/home/a/keyward.db", "ext4");
    }

    #[test]
    fn later_mount_hides_the_earlier() {
        check("/twice/keyward.db", "ext4");
    }

    #[test]
    fn optional_fields_are_skipped() {
        check("/mnt/ssh/keyward.db", "fuse.sshfs");
    }

    #[test]
    fn nothing_is_found_in_an_empty_list() {
        assert_eq!(file_system_of("", Path::new("/a")), None);
        assert_eq!(file_system_of("1 2 3", Path::new("/a")), None);
    }

    #[test]
    fn network_types_are_told_from_local_ones() {
        for network in [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "fuse.sshfs",
            "ceph",
            "glusterfs",
        ] {
            assert!(is_network(network), "{network}");
        }
        for local in ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuseblk"] {
            assert!(!is_network(local), "{local}");
        }
    }
}
