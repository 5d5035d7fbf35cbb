# Confines itself by Landlock and becomes the given program; where the kernel does not offer it, becomes the program as it is.
# Node.js knows no Landlock, and Perl is part of nearly every Linux.
#
#   perl confine.pl <prctl's number> <port> <r:path | w:path>... -- <program> <argument>...
#
# Below a path of `r:` files are read and executed; below one of `w:` everything is allowed. No file elsewhere is opened,
# TCP is accepted on the one port, and no connection is made.
use strict;
use warnings;

my ($prctl, $port) = (shift, shift);
my @rules;
while (defined(my $each = shift @ARGV)) { last if $each eq '--'; push @rules, $each; }

sub confine {
    my $abi = syscall(444, 0, 0, 1);
    return if $abi < 1;
    my $all = (1 << ($abi >= 5 ? 16 : $abi >= 3 ? 15 : $abi >= 2 ? 14 : 13)) - 1;
    my $read = 1 | 4 | 8;                                   # execute, read a file, list a folder
    my $of_file = (1 | 2 | 4 | 1 << 14 | 1 << 15) & $all;   # what a rule about a single file may hold
    # Bind and connect by TCP; abstract sockets of others and signals to them.
    my $attributes = pack('Q', $all) . ($abi >= 4 ? pack('Q', 3) : '') . ($abi >= 6 ? pack('Q', 3) : '');
    my $ruleset = syscall(444, $attributes, length($attributes), 0);
    return if $ruleset < 0;
    for (@rules) {
        my ($kind, $path) = /^([rw]):(.*)$/s or return;
        sysopen(my $file, $path, 0x200000 | 0x80000) or next;   # O_PATH, O_CLOEXEC
        my $access = $kind eq 'w' ? $all : $read;
        $access &= $of_file unless -d $path;
        my $beneath = pack('Ql', $access, fileno($file));
        return if syscall(445, $ruleset, 1, $beneath, 0) < 0;
        close $file;
    }
    if ($abi >= 4) {
        my $bind = pack('QQ', 1, $port);
        return if syscall(445, $ruleset, 2, $bind, 0) < 0;
    }
    return if syscall($prctl, 38, 1, 0, 0, 0) < 0;          # no new privileges
    syscall(446, $ruleset, 0);
}

eval { confine() };
exec { $ARGV[0] } @ARGV or die "cannot start $ARGV[0]: $!\n";
