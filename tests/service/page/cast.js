// Who the demonstration is about. The first two are the viewers.
export const viewers = [
  { id: 'john', name: 'John' },
  { id: 'jack', name: 'Jack' },
];

export const friends = [
  { id: 'mary', name: 'Mary Kowalska', activity: { match: '2/4' } },
  { id: 'ann', name: 'Ann', availability: 'busy', status: 'In a review until noon' },
  { id: 'omar', name: 'Omar', activity: { match: '3/4' }, status: 'One more round' },
  { id: 'yuki', name: 'Yuki Ōmori', availability: 'away', status: 'Eating a veggie burger…' },
  { id: 'noor', name: 'نور' },
  { id: 'lena', name: 'Lena Weiß' },
];

export function nameFor(id) {
  return [...viewers, ...friends].find((user) => user.id === id)?.name;
}
