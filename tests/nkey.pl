#!/usr/bin/perl
# nkey.pl - keys and credentials as NATS has them, made with openssl: what "nsc" would do, for the tests.
#
#   nkey.pl user FILE           a seed into FILE, its public key on standard output
#   nkey.pl operator DIR        an operator, accounts and a user: DIR/operator.conf for nats-server, DIR/user.creds
use strict;
use warnings;
use MIME::Base64 qw(encode_base64url);

my %kind = (O => 14 << 3, A => 0, U => 20 << 3);

sub base32 {
    my $bits = unpack 'B*', shift;
    $bits .= '0' x (-length($bits) % 5);
    return join '', map { substr 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', oct "0b$_", 1 } $bits =~ /(.{5})/g;
}

sub checked {
    my ($bytes, $crc) = (shift, 0);
    for my $byte (unpack 'C*', $bytes) {
        $crc ^= $byte << 8;
        $crc = ($crc & 0x8000 ? $crc << 1 ^ 0x1021 : $crc << 1) & 0xffff for 1 .. 8;
    }
    return base32($bytes . pack 'v', $crc);
}

# An ed25519 key pair: (PEM file, public nkey, seed nkey).
sub pair {
    my ($kind, $file) = @_;
    system('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', $file) == 0 or die;
    my $private = substr `openssl pkey -in $file -outform DER`, -32;
    my $public = substr `openssl pkey -in $file -pubout -outform DER`, -32;
    my $prefix = $kind{$kind};
    return ($file, checked(pack('C', $prefix) . $public), checked(pack('CC', 18 << 3 | $prefix >> 5, ($prefix & 31) << 3) . $private));
}

sub write_file {
    my ($file, $text) = @_;
    umask 077;
    open my $out, '>', $file or die "$file: $!";
    print $out $text or die;
    close $out or die;
}

sub jwt {
    my ($pem, $claims) = @_;
    my $text = encode_base64url('{"typ":"JWT","alg":"ed25519-nkey"}') . '.' . encode_base64url($claims);
    write_file("$pem.in", $text);
    return $text . '.' . encode_base64url(scalar `openssl pkeyutl -sign -inkey $pem -rawin -in $pem.in`);
}

my ($what, $where) = @ARGV;
if ($what eq 'user') {
    my (undef, $public, $seed) = pair('U', "$where.pem");
    write_file($where, "$seed\n");
    print "$public\n";
    exit 0;
}
my ($opem, $operator) = pair('O', "$where/o.pem");
my ($spem, $system) = pair('A', "$where/s.pem");
my ($apem, $account) = pair('A', "$where/a.pem");
my ($upem, $user, $seed) = pair('U', "$where/u.pem");
my $limits = join ',', map { "\"$_\":-1" } qw(subs data payload imports exports conn leaf);
my $storage = $limits . join '', map { ",\"$_\":-1" } qw(mem_storage disk_storage streams consumer);
my %account = map {
    ($_->[0] => jwt($opem, qq({"jti":"x","iat":1700000000,"iss":"$operator","name":"$_->[1]","sub":"$_->[0]",)
        . qq("nats":{"limits":{$_->[2],"wildcards":true},"type":"account","version":2}})))
} [$system, 'SYS', $limits], [$account, 'CENTRAL', $storage];
my $ojwt = jwt($opem, qq({"jti":"x","iat":1700000000,"iss":"$operator","name":"O","sub":"$operator",)
    . qq("nats":{"system_account":"$system","type":"operator","version":2}}));
my $ujwt = jwt($apem, qq({"jti":"x","iat":1700000000,"iss":"$account","name":"u","sub":"$user",)
    . qq("nats":{"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2}}));
write_file("$where/operator.conf", qq(operator: $ojwt\nsystem_account: $system\nresolver: MEMORY\nresolver_preload: {\n)
    . join('', map { "  $_: $account{$_}\n" } sort keys %account) . "}\n");
write_file("$where/user.creds", "-----BEGIN NATS USER JWT-----\n$ujwt\n------END NATS USER JWT------\n\n"
    . "-----BEGIN USER NKEY SEED-----\n$seed\n------END USER NKEY SEED------\n");
