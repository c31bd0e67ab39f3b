/** URLs that must never open a connection. PORT stands for the port of a canary that listens on loopback. */
export const LOOPBACK_FORMS: readonly string[] = [
  'http://127.0.0.1:PORT/', 'http://127.1:PORT/', 'http://127.0.1:PORT/', 'http://2130706433:PORT/', 'http://0x7f000001:PORT/',
  'http://0x7f.1:PORT/', 'http://0x7f.0x0.0x0.0x1:PORT/', 'http://017700000001:PORT/', 'http://0177.0.0.1:PORT/',
  'http://0177.0000.0000.0001:PORT/', 'http://127.0.0.1.:PORT/', 'http://127.000.000.001:PORT/', 'http://127.0.0x1:PORT/',
  'http://127.255.255.254:PORT/', 'http://0:PORT/', 'http://0.0.0.0:PORT/', 'http://0x0:PORT/', 'http://00000:PORT/',
  'http://localhost:PORT/', 'http://LOCALHOST:PORT/', 'http://localhost.:PORT/', 'http://lOcAlHoSt.:PORT/',
  'http://%31%32%37.0.0.1:PORT/', 'http://%6c%6f%63%61%6c%68%6f%73%74:PORT/', 'http://127。0。0。1:PORT/', 'http://127．0．0．1:PORT/',
  'http://①②⑦.⓪.⓪.①:PORT/', 'http://１２７.0.0.1:PORT/', 'http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/', 'http://loca\u00adlhost:PORT/',
  'http://127.0.0.1:PORT', 'http:127.0.0.1:PORT/', 'http:/127.0.0.1:PORT/', 'http:\\\\127.0.0.1:PORT\\', 'http:////127.0.0.1:PORT/',
  'HTTP://127.0.0.1:PORT/', 'http://127.0.0.1:PORT#@example.com/', 'http://127.0.0.1:PORT?@example.com/', 'http://127.0.0.1:PORT\\@example.com/',
  'http://[::1]:PORT/', 'http://[0:0:0:0:0:0:0:1]:PORT/', 'http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/', 'http://[::0001]:PORT/',
  'http://[::]:PORT/', 'http://[0::0]:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://[::ffff:7f00:1]:PORT/', 'http://[::FFFF:7F00:0001]:PORT/',
  'http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/', 'http://[::127.0.0.1]:PORT/', 'http://[::7f00:1]:PORT/', 'http://[::ffff:0:127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]:PORT/', 'http://[64:ff9b::7f00:1]:PORT/', 'http://[64:ff9b:1::7f00:1]:PORT/', 'http://[2002:7f00:1::]:PORT/',
  'http://[2001:0:7f00:1::]:PORT/', 'http://[2001:0:808:808:0:0:80ff:fffe]:PORT/', 'http://[::1%25lo]:PORT/', 'http://[::1%lo]:PORT/',
];

export const INTERNAL_FORMS: readonly string[] = [
  'http://169.254.169.254/latest/meta-data/', 'http://2852039166/', 'http://0xa9fea9fe/', 'http://0251.0376.0251.0376/', 'http://169.254.43518/',
  'http://[::ffff:169.254.169.254]/', 'http://[::ffff:a9fe:a9fe]/', 'http://[fd00:ec2::254]/', 'http://[fe80::1]/', 'http://[2002:a9fe:a9fe::1]/',
  'http://[64:ff9b::a9fe:a9fe]/', 'http://168.63.129.16/', 'http://100.100.100.200/', 'http://100.64.0.1/', 'http://100.127.255.255/',
  'http://10.0.0.1/', 'http://10.1/', 'http://172.16.0.1/', 'http://172.31.255.255/', 'http://192.168.0.1/', 'http://192.168.1/', 'http://0300.0250.1/',
  'http://192.0.0.1/', 'http://192.0.2.1/', 'http://198.18.0.1/', 'http://198.19.255.255/', 'http://198.51.100.1/', 'http://203.0.113.1/',
  'http://192.88.99.1/', 'http://224.0.0.1/', 'http://239.255.255.250/', 'http://240.0.0.1/', 'http://255.255.255.255/', 'http://0.1.2.3/',
  'http://[fc00::1]/', 'http://[fdff:ffff::1]/', 'http://[fec0::1]/', 'http://[ff02::1]/', 'http://[2001:db8::1]/', 'http://[3fff::1]/',
  'http://[100::1]/', 'http://[4000::1]/', 'http://[5f00::1]/', 'http://[2001:2::1]/', 'http://[2001:10::1]/',
];

export const REFUSED_URLS: readonly string[] = [
  'file:///etc/passwd', 'gopher://127.0.0.1:PORT/_x', 'data:text/html,x', 'ftp://127.0.0.1:PORT/', 'dict://127.0.0.1:PORT/x', 'ldap://127.0.0.1:PORT/',
  'jar:http://127.0.0.1:PORT!/', 'javascript:alert(1)', 'blob:http://127.0.0.1:PORT/x', 'ws://127.0.0.1:PORT/', 'wss://127.0.0.1:PORT/',
  'view-source:http://127.0.0.1:PORT/', 'unix:/var/run/docker.sock', 'http+unix://%2Fvar%2Frun%2Fdocker.sock/', 'about:blank', 'mailto:a@b.c',
  'http://user@127.0.0.1:PORT/', 'http://user:pw@example.com/', 'http://example.com@127.0.0.1:PORT/', 'http://example.com%40@127.0.0.1:PORT/',
  'http://@user:pw@127.0.0.1:PORT/', 'http://127.0.0.1:PORT\r\nHost: example.com/', 'http://127.0.0.1:PORT/\r\nX-Injected: 1', 'http://127.0.0.1\t:PORT/',
  'http://127.0.0.1:PORT\u0000.example.com/', 'http://exa mple.com/', 'http://', 'http://?x', '//127.0.0.1:PORT/', '/etc/passwd', '', ' ',
  '127.0.0.1:PORT', 'http://127.0.0.1:99999/', 'http://256.256.256.256/', 'http://0x7f.0.0.0.0.1/', 'http://[::1/', 'http://[127.0.0.1]/', 'http://a..b:PORT:80/',
  'https://example.com:22/', 'http://example.com:25/', 'http://example.com:6667/', 'http://example.com:0/', 'https://example.com:5060/',
];
